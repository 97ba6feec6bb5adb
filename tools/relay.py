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

PROGRAM = qemu.TOP / "build/host/bin/relay"
# Whoever starts something for the time of its own life lets it end with it, even if it is killed itself.
WITH_PARENT = ("setpriv", "--pdeathsig", "TERM")


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


def command(sides, both="", there="", back="", seed=1):
    """The command line of a relay between two sides (libs/relay/side.h): both ways alike, and what is different there
    (from the first to the second) and back."""
    return [str(PROGRAM), "-s", str(seed), "-l", both, "-t", there, "-b", back, *sides]


class Relay:
    """A running relay. `before`: words in front of its command line; fds: what it inherits."""

    def __init__(self, *words, before=(), fds=()):
        self.process = subprocess.Popen([*before, *words], stdout=subprocess.PIPE, text=True, pass_fds=fds)
        self.expect("ready")

    def expect(self, text):
        line = self.process.stdout.readline()
        assert line == text + "\n", f"the relay says {line!r} instead of {text!r}"

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
