"""A running Minato for a test: boots it, types commands, reads what it says, looks at its disk afterwards."""
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import qemu  # noqa: E402

# Limits are there to end a hung test, not to measure: a busy machine may be many times slower than a quiet one.
PATIENCE = float(os.environ.get("PATIENCE", "1"))
BOOT_LIMIT = 60 * PATIENCE
COMMAND_LIMIT = 60 * PATIENCE
KINDS = [("release", 1), ("release", 2), ("debug", 1), ("debug", 2)]    # builds, and how many CPUs

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]|\x1b[=>78]")
PROMPT = "minato> "
HOST = "10.0.2.2"               # this machine, as the guest sees it over user-mode networking


class GuestError(AssertionError):
    """The guest did not do what was waited for; the text ends with its last words."""


class Result(tuple):
    """(output, status) of a command."""
    output = property(lambda self: self[0])
    status = property(lambda self: self[1])


class Serial:
    """Collects what the guest writes to its serial port, in a thread, as text without escape sequences."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.raw = b""
        self.closed = False
        self.changed = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while data := os.read(self.pipe.fileno(), 65536):
            with self.changed:
                self.raw += data
                self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def text(self):
        """Everything so far."""
        return ESCAPES.sub("", self.raw.decode("utf-8", "replace")).replace("\r", "")

    def wait(self, pattern, start, limit):
        """Waits until the pattern occurs in the text from `start` on; returns the match object."""
        deadline = time.monotonic() + limit
        with self.changed:
            while True:
                found = re.compile(pattern, re.M).search(self.text(), start)
                if found:
                    return found
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    reason = "the machine ended" if self.closed else f"nothing after {limit:.0f} s"
                    raise GuestError(f"waited for {pattern!r}: {reason}; it said:\n{self.text()[-4000:]}")
                self.changed.wait(min(left, 1))


class Disk:
    """A copy of the shipped disk image for one test."""

    def __init__(self, path):
        self.path = path
        subprocess.run(["cp", "--sparse=always", qemu.TOP / "build/disk-template.img", path], check=True)

    def _mtool(self, tool, *words, **options):
        return subprocess.run([tool, "-i", self.path, *words], check=True, capture_output=True, timeout=60, **options)

    def write(self, name, data):
        """Puts a file on the disk; only while no machine runs on it."""
        self._mtool("mcopy", "-o", "-", f"::{name}", input=data)

    def make_folder(self, name):
        """Makes a folder on the disk; only while no machine runs on it."""
        self._mtool("mmd", f"::{name}")

    def read(self, name):
        """The bytes of a file; only after the machine was shut down."""
        return self._mtool("mcopy", "-n", f"::{name}", "-").stdout

    def has(self, name):
        """Is there a file of that name?"""
        done = subprocess.run(["mdir", "-i", self.path, f"::{name}"], capture_output=True, check=False)
        return done.returncode == 0

    def _fsck(self):
        return subprocess.run(["/usr/sbin/fsck.fat", "-n", self.path], capture_output=True, text=True, check=False)

    def is_clean(self):
        """Does fsck find the file system clean?"""
        return self._fsck().returncode == 0

    def check(self):
        """Fails unless it does."""
        done = self._fsck()
        assert done.returncode == 0, f"fsck.fat finds fault:\n{done.stdout}"


class Guest:
    """One machine. `options` are those of qemu.Machine; forwards: further guest ports to reach from this machine;
    doors: how many more addresses of this machine lead to port 80 (see `doors` below); machine: a function that makes
    another kind of machine of these options (the benchmarks' peer); pass_fds: what QEMU inherits."""

    prompt = PROMPT

    def __init__(self, folder, forwards=(), doors=0, net_options="", disk=True, machine=qemu.Machine,
                 pass_fds=(), **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk = Disk(self.folder / "disk.img") if disk else None
        self.ports = {port: qemu.free_port() for port in (80, *forwards)}
        # QEMU listens with a backlog of one, so that connections which arrive together on one port stall in this
        # machine's kernel. A client that opens many at once spreads them over these addresses of this machine.
        self.doors = [(f"127.0.{number // 250}.{2 + number % 250}", self.ports[80]) for number in range(doors)]
        forwards = [("127.0.0.1", outer, inner) for inner, outer in self.ports.items()]
        forwards += [(address, port, 80) for address, port in self.doors]
        options.setdefault("net", qemu.user_net(*forwards, options=net_options))
        if disk:
            options["disk"] = str(self.disk.path)
        self.machine = machine(**options)
        self.pass_fds = pass_fds
        self.process = None
        self.serial = None
        self.seen = 0               # how far the serial text was looked at

    def start(self):
        """Powers the machine on."""
        command = self.machine.command() + [
            "-display", "none", "-no-reboot", "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial",
            "-monitor", f"unix:{self.folder / 'monitor'},server=on,wait=off"]
        self.seen = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, pass_fds=self.pass_fds)
        self.serial = Serial(self.process.stdout)
        return self

    def boot(self):
        """Powers on and waits for the shell's prompt."""
        self.start()
        self.expect(re.escape(self.prompt), BOOT_LIMIT)
        return self

    def serving(self, port=80, limit=BOOT_LIMIT):
        """Waits until the web server at a port of the guest answers. QEMU accepts connections for the guest before
        anyone listens in it, so that an early client is reset or, worse, waits for QEMU to try again."""
        deadline = time.monotonic() + limit
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.ports[port]), timeout=1) as link:
                    link.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if link.recv(1):
                        return self
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise GuestError(f"no web page after {limit:.0f} s; it said:\n{self.serial.text()[-4000:]}")
            time.sleep(0.05)

    def start_services(self, arguments="", last=r"udp .*:19 "):
        """Starts the small services in the background and waits until netstat shows a line that begins with `last`;
        the usual one is the socket that they open last."""
        self.ok(f"services {arguments} &")
        deadline = time.monotonic() + COMMAND_LIMIT
        while not re.search(f"^{last}", self.ok("netstat"), re.M):
            assert time.monotonic() < deadline, "the services do not come up"
            time.sleep(0.1)

    def expect(self, pattern, limit=COMMAND_LIMIT):
        """Waits for a pattern in what was not looked at yet; returns the match."""
        found = self.serial.wait(pattern, self.seen, limit)
        self.seen = found.end()
        return found

    def type(self, text):
        """Types; a line ends with \\r as on a real keyboard."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def begin(self, command):
        """Types a command line without waiting for its end (see finish)."""
        self.type(f"{command}; echo =$?=\r")

    def finish(self, limit=COMMAND_LIMIT):
        """Waits for the prompt; returns Result(output, exit status). Lines of the log may be among the output."""
        start = self.seen
        mark = self.expect(r"^=(\d+)=$", limit)
        self.expect("^" + re.escape(self.prompt), limit)
        output = self.serial.text()[start:mark.start()]
        return Result((output.rpartition("; echo =$?=\n")[2], int(mark[1])))

    def run(self, command, limit=COMMAND_LIMIT):
        """Runs a command in the shell; returns Result(output, exit status)."""
        self.begin(command)
        return self.finish(limit)

    def ok(self, command, limit=COMMAND_LIMIT):
        """Runs a command that must succeed; returns its output."""
        output, status = self.run(command, limit)
        assert status == 0, f"{command!r} exits with {status}:\n{output}"
        return output

    def monitor(self, command):
        """Asks QEMU's monitor; returns its answer."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(str(self.folder / "monitor"))
            read_until(link, b"(qemu) ")
            link.sendall(command.encode() + b"\n")
            answer = read_until(link, b"(qemu) ").decode(errors="replace")
        return answer.partition("\n")[2].rpartition("(qemu)")[0]

    def wait_exit(self, limit=COMMAND_LIMIT):
        """Waits until the machine powers itself off; returns QEMU's exit status."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise GuestError(f"still running after {limit:.0f} s; it said:\n{self.serial.text()[-4000:]}") from None

    def shutdown(self):
        """Shuts down from the shell; returns QEMU's exit status."""
        self.type("shutdown\r")
        return self.wait_exit()

    def kill(self):
        """Ends the machine whatever it does; harmless if it has ended."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def url(self, path="/", port=80):
        """The address of a guest's port as this machine reaches it."""
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def accounts(self):
        """What the system's own accounting says: memory, kernel objects, sockets. Connections in TIME-WAIT are not
        counted: they stay for as long as RFC 9293 wants them to."""
        sockets = [line for line in self.ok("netstat").splitlines(True) if "TIME-WAIT" not in line]
        return self.ok("mem") + "".join(sockets)

    def resources(self):
        """The accounts, once they rest, to be equal before and after a test."""
        last = None
        while (now := self.accounts()) != last:
            last = now
            time.sleep(0.5)
        return now

    def settles_to(self, before, limit=COMMAND_LIMIT):
        """Waits until the resources are as before: closed connections linger for a while. Fails if they stay away."""
        deadline = time.monotonic() + limit
        while (now := self.accounts()) != before:
            assert time.monotonic() < deadline, f"before:\n{before}\nafter:\n{now}"
            time.sleep(1)


def read_until(link, mark):
    """Reads from a socket until the mark."""
    data = b""
    while mark not in data:
        more = link.recv(65536)
        if not more:
            raise GuestError("QEMU's monitor closed")
        data += more
    return data
