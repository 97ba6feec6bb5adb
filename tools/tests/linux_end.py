#!/usr/bin/python3
"""Linux's own TCP at the far end of a bad cable: this machine's kernel in a network namespace of its own, behind a tap.

A child of the test lives in the namespace: it makes the tap, runs the relay between it and the guest's plug, serves a
folder and fetches what it is asked for. It is told what to do in lines of JSON. Nothing of it is left when it ends.
"""
import fcntl
import functools
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import relay  # noqa: E402
from peers import QuietHandler, pattern  # noqa: E402

OWN, GUEST, PORT, ECHO = "10.9.0.2", "10.9.0.1", 8000, 7
PATIENCE = 600                  # seconds without a byte: ends what hangs
TUNSETIFF, TAP, NO_HEADER = 0x400454CA, 2, 0x1000
SET_ADDRESS, SET_MASK, SET_FLAGS, UP = 0x8916, 0x891C, 0x8914, 0x41


def namespace():
    """The words in front of a command that is to have a network of its own."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]


@functools.cache
def missing():
    """Why this machine cannot be the far end; empty if it can."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "no access to /dev/net/tun"
    try:
        done = subprocess.run([*namespace(), "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return f"no network namespace: {done.stderr.strip()}" if done.returncode else ""


class LinuxEnd:
    """The child, as the test sees it. `plug`: a relay.Plug whose other end is the guest's."""

    def __init__(self, plug, folder):
        self.lock = threading.Lock()
        words = [sys.executable, "-B", __file__, str(plug.relay.fileno()), str(folder)]
        self.child = subprocess.Popen([*namespace(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      pass_fds=(plug.relay.fileno(),))

    def ask(self, what, *words):
        with self.lock:
            self.child.stdin.write(json.dumps([what, *words]) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        assert line, f"the Linux end has ended in {what}"
        answer = json.loads(line)
        assert not (isinstance(answer, dict) and "error" in answer), f"{what}: {answer}"
        return answer

    def link(self, both="", there="", back="", seed=1):
        """From now on the cable is like this; there: out of the guest."""
        return self.ask("link", both, there, back, seed)

    def statistics(self):
        """What the present cable has done: out of the guest, and back."""
        return self.ask("statistics")

    def cut(self):
        self.ask("cut")

    def mend(self):
        self.ask("mend")

    def begin(self, path, size=0):
        """Begins to fetch a path from the guest, or only its first `size` bytes; see finish."""
        self.ask("begin", path, size)

    def finish(self):
        """(SHA-256, bytes, seconds) of what was begun."""
        return self.ask("finish")

    def get(self, path, size=0):
        self.begin(path, size)
        return self.finish()

    def echo(self, size, seed):
        """Sends so many bytes to the other end's echo service while they come back; whether they are the same."""
        return self.ask("echo", size, seed)

    def stop(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


# ---- The child ----

def set_kernel(name, value):
    """A setting of this namespace; some kernels do not have it, or do not let us."""
    try:
        pathlib.Path("/proc/sys/net", name).write_text(f"{value}\n", encoding="ascii")
    except OSError:
        pass


def use_cubic(listener):
    """Linux's default, in the place of what this machine prefers, for the connections that it will accept."""
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    except OSError:
        pass


def request(name, *fields):
    """A struct ifreq."""
    return struct.pack("16s", name.encode()) + b"".join(fields).ljust(24, b"\0")


def make_tap():
    """A tap with our address; its descriptor, which gives and takes one frame a call."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, request("tap0", struct.pack("H", TAP | NO_HEADER)))
    set_kernel("ipv6/conf/tap0/disable_ipv6", 1)  # its multicast would change the fates of what follows
    set_kernel("ipv4/tcp_no_metrics_save", 1)  # no connection learns from those before
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for kind, value in ((SET_ADDRESS, OWN), (SET_MASK, "255.255.255.0")):
            address = struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(any_socket, kind, request("tap0", address))
        for name in ("lo", "tap0"):
            fcntl.ioctl(any_socket, SET_FLAGS, request(name, struct.pack("H", UP)))
    return tap


class Fetch(threading.Thread):
    """Fetches a path from the guest, or its first `size` bytes."""

    def __init__(self, path, size):
        super().__init__(daemon=True)
        self.path, self.headers = path, {"Range": f"bytes=0-{size - 1}"} if size else {}
        self.result = {"error": "nothing came"}
        self.start()

    def run(self):
        try:
            self.result = self.fetch()
        except (OSError, http.client.HTTPException) as error:
            self.result = {"error": repr(error)}

    def fetch(self):
        start = time.monotonic()
        link = http.client.HTTPConnection(GUEST, 80, timeout=PATIENCE)
        link.request("GET", self.path, headers=self.headers)
        answer = link.getresponse()
        digest, length = hashlib.sha256(), 0
        while data := answer.read(65536):
            digest.update(data)
            length += len(data)
        link.close()
        return [digest.hexdigest(), length, time.monotonic() - start]


class Child:
    """Does what it is asked for: its methods are the words."""

    def __init__(self, plug, folder):
        self.plug, self.tap, self.relay, self.fetching = plug, make_tap(), None, None
        handler = functools.partial(QuietHandler, directory=folder)
        server = http.server.ThreadingHTTPServer((OWN, PORT), handler)
        use_cubic(server.socket)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def link(self, both, there, back, seed):
        self.stop()
        words = relay.command([f"fd:{self.plug}", f"fd:{self.tap}"], both, there, back, seed)
        self.relay = relay.Relay(*words, fds=(self.plug, self.tap))

    def statistics(self):
        return self.relay.statistics()

    def cut(self):
        self.relay.cut()

    def mend(self):
        self.relay.mend()

    def begin(self, path, size):
        self.fetching = Fetch(path, size)

    def finish(self):
        self.fetching.join()
        return self.fetching.result

    @staticmethod
    def echo(size, seed):
        data, digest = pattern(size, seed), hashlib.sha256()
        with socket.create_connection((GUEST, ECHO), PATIENCE) as link:
            def feed():
                link.sendall(data)
                link.shutdown(socket.SHUT_WR)
            threading.Thread(target=feed, daemon=True).start()
            while piece := link.recv(1 << 16):
                digest.update(piece)
        return digest.digest() == hashlib.sha256(data).digest()

    def stop(self):
        if self.relay:
            self.relay.stop()


def main():
    child = Child(int(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        what, *words = json.loads(line)
        print(json.dumps(getattr(child, what)(*words)), flush=True)
    child.stop()


if __name__ == "__main__":
    main()
