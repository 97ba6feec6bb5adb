"""The relay (libs/relay): a bad cable between a machine's network card and something else, for `make run`, the tests and
the benchmarks. What a link does to frames is said in the words of libs/relay/words.h, such as "loss=1% delay=20ms"."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import qemu  # noqa: E402

PROGRAM = qemu.TOP / "build/plain/bin/relay"
# In front of a command that is to end with whoever started it, however that ends.
WITH_PARENT = ("setpriv", "--pdeathsig", "TERM")


class RelayError(Exception):
    """The relay did not do what was asked for; it has said why."""


class Plug:
    """A pair of connected sockets: one end for QEMU, one for the relay. Unlike UDP neither end can overrun the other."""

    def __init__(self):
        self.machine, self.relay = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.fds = (self.machine.fileno(),)
        self.side = f"fd:{self.relay.fileno()}"

    def netdev(self):
        """The -netdev value of a QEMU that inherits `fds`."""
        return f"dgram,local.type=fd,local.str={self.machine.fileno()}"

    def close(self):
        self.machine.close()
        self.relay.close()


def command(sides, both="", there="", back="", seed=1, program=PROGRAM):
    """The command line of a relay between two sides (libs/relay/side.h): both ways alike, and what is different there
    (from the first to the second) and back."""
    return [str(program), "-s", str(seed), "-l", both, "-t", there, "-b", back, *sides]


class Relay:
    """A running relay. `before`: words in front of its command line; fds: what it inherits."""

    def __init__(self, *words, before=(), fds=()):
        self.process = subprocess.Popen([*before, *words], stdout=subprocess.PIPE, text=True, pass_fds=fds)
        self.expect("ready")

    def expect(self, text):
        line = self.process.stdout.readline()
        if line != text + "\n":
            raise RelayError(f"the relay says {line!r} instead of {text!r}")

    def statistics(self, number=signal.SIGUSR1):
        """({what: count} there, the same back)."""
        self.process.send_signal(number)
        lines = [self.process.stdout.readline() for _ in range(2)]
        return tuple({what: int(count) for count, what in re.findall(r"(\d+) ([a-z ]+)", line)} for line in lines)

    def cut(self):
        """Pulls the cable out."""
        self.process.send_signal(signal.SIGUSR2)
        self.expect("cut")

    def mend(self):
        """Puts it in again."""
        self.process.send_signal(signal.SIGUSR2)
        self.expect("mended")

    def stop(self):
        """Ends it; returns the last statistics, or None if it had ended."""
        last = self.statistics(signal.SIGTERM) if self.process.poll() is None else None
        self.process.wait()
        self.process.stdout.close()
        return last


class Gateway:
    """User-mode networking without a machine: a QEMU that passes frames between its gateway and a plug. `user`: a -netdev
    value of that kind (see qemu.user_net)."""

    def __init__(self, plug, user, before=()):
        words = ["qemu-system-riscv64", "-machine", "none", "-nodefaults", "-display", "none",
                 "-netdev", qemu.with_id(user, "outer"), "-netdev", qemu.with_id(plug.netdev(), "inner"),
                 "-netdev", "hubport,id=port0,hubid=0,netdev=outer", "-netdev", "hubport,id=port1,hubid=0,netdev=inner"]
        self.process = subprocess.Popen([*before, *words], stdin=subprocess.DEVNULL, pass_fds=plug.fds,
                                        stderr=subprocess.DEVNULL)  # it warns that it has no machine

    def stop(self):
        self.process.terminate()
        self.process.wait()
