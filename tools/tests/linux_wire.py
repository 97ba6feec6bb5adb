#!/usr/bin/python3
"""This machine's Linux at the other end of the wire: its kernel in a network namespace of its own, behind a tap.

A child of the test lives in the namespace and keeps a few services there; the test speaks to them frame by frame, as
it does to the guest. Nothing of it is left when it ends.
"""
import fcntl
import json
import os
import pathlib
import select
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import linux_end  # noqa: E402
from wire import LIMIT, Wire  # noqa: E402

SET_HARDWARE, ETHER = 0x8924, 1
DISCARD, DAYTIME, HOLD = 9, 13, 1007


class Tap:
    """A tap's descriptor with the face of the socket that Wire uses."""

    def __init__(self, descriptor):
        self.descriptor, self.limit = descriptor, None

    def settimeout(self, limit):
        self.limit = limit

    def recv(self, length):
        if not select.select([self.descriptor], [], [], self.limit)[0]:
            raise TimeoutError
        return os.read(self.descriptor, length)

    def sendto(self, frame, _):
        os.write(self.descriptor, frame)

    def close(self):
        os.close(self.descriptor)


class LinuxWire(Wire):
    """A wire with Linux at the other end, under the guest's addresses."""

    def __init__(self):
        super().__init__()
        self.socket.close()
        mine, its = socket.socketpair()
        words = [*linux_end.namespace(), sys.executable, "-B", __file__, str(its.fileno())]
        self.child = subprocess.Popen([*words, self.guest_mac.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, pass_fds=(its.fileno(),))
        its.close()
        _, descriptors, _, _ = socket.recv_fds(mine, 1, 1)
        mine.close()
        self.socket = Tap(descriptors[0])
        self.child.stdout.readline()

    def ask(self, what, *words):
        self.child.stdin.write(json.dumps([what, *words]) + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def is_busy(self):
        """Does any thread of the child run, or want to? What arrives for a socket that it is at work on is answered only
        when it lets go of it."""
        for thread in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            try:
                state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:         # it has ended meanwhile
                continue
            if state in "RD":
                return True
        return False

    def settle(self):
        """As with the guest, but for what waits until the child is at rest."""
        seen = super().settle()
        deadline = time.monotonic() + LIMIT
        while self.is_busy():
            assert time.monotonic() < deadline, "the child is never at rest"
        return seen + super().settle()

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
        super().close()


# ---- The child ----

def discard(link):
    while link.recv(4096):
        pass


def daytime(link):
    link.sendall(b"Tuesday, November 24, 2026 12:00:00-UTC\r\n")
    link.shutdown(socket.SHUT_WR)
    discard(link)


class Child:
    """Does what it is asked for: its methods are the words."""

    def __init__(self, mac):
        self.kept, self.program = [self.listen(HOLD)], None
        self.tap = linux_end.make_tap()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SET_HARDWARE, linux_end.request("tap0", struct.pack("H6s", ETHER, mac)))
            own = struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(linux_end.GUEST))
            fcntl.ioctl(any_socket, linux_end.SET_ADDRESS, linux_end.request("tap0", own))
            mask = struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton("255.255.255.0"))
            fcntl.ioctl(any_socket, linux_end.SET_MASK, linux_end.request("tap0", mask))
        for port, service in ((DISCARD, discard), (DAYTIME, daytime)):
            threading.Thread(target=self.serve, args=(self.listen(port), service), daemon=True).start()

    @staticmethod
    def listen(port):
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        link.bind(("", port))
        link.listen(1000)
        return link

    @staticmethod
    def serve(listener, service):
        while True:
            link, _ = listener.accept()
            threading.Thread(target=Child.run, args=(link, service), daemon=True).start()

    @staticmethod
    def run(link, service):
        with link:
            try:
                service(link)
            except OSError:
                pass

    def connect(self, host, port):
        """Begins to connect."""
        link = socket.socket()
        link.setblocking(False)
        link.connect_ex((host, port))
        self.kept.append(link)

    def hang_up(self):
        self.kept.pop().close()

    def begin(self, words):
        """Starts a program in the namespace."""
        self.program = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def finish(self):
        """What it has printed, when it has ended."""
        return self.program.communicate(timeout=60)[0]


def main():
    child = Child(bytes.fromhex(sys.argv[2]))
    with socket.socket(fileno=int(sys.argv[1])) as link:
        socket.send_fds(link, [b"!"], [child.tap])
    print(flush=True)
    for line in sys.stdin:
        what, *words = json.loads(line)
        print(json.dumps(getattr(child, what)(*words)), flush=True)


if __name__ == "__main__":
    main()
