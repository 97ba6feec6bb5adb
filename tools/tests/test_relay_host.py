"""The relay by itself, on this machine: Python sends frames through it."""
import os
import socket
import struct
import subprocess
import threading
import time

import pytest
import qemu
import relay
from wire import IPV4_TYPE, LIMIT, ethernet

SANITIZED = qemu.TOP / "build/host/bin/relay"
MAC = b"\x02\0\0\0\0\x01"
# As many as the kernel keeps for us without more rights than a user has, and what root may ask for.
BURST = 1000 if os.geteuid() == 0 else 40


class Bench:
    """A relay between two sockets of ours."""

    def __init__(self, kind, **options):
        self.ends, inner, sides = make_ends(kind)
        for end in self.ends:
            end.settimeout(LIMIT)
        self.relay = relay.Relay(*relay.command(sides, program=SANITIZED, **options), fds=[one.fileno() for one in inner])
        for one in inner:
            one.close()

    def close(self):
        self.relay.stop()
        for end in self.ends:
            end.close()

    def send(self, numbers, end=0, size=1514):
        for number in numbers:
            self.ends[end].send(frame(number, size))

    def receive(self, count, end=1):
        """The numbers of the next frames, and when they came."""
        came = []
        for _ in range(count):
            data = self.ends[end].recv(65536)
            came.append((struct.unpack("!I", data[14:18])[0], time.monotonic()))
        return came

    def rest(self, end=1):
        """The numbers of all that come until a while nothing does."""
        self.ends[end].settimeout(0.5)
        numbers = []
        try:
            while True:
                numbers += [self.receive(1, end)[0][0]]
        except TimeoutError:
            return numbers
        finally:
            self.ends[end].settimeout(LIMIT)


def frame(number, size=1514):
    return ethernet(MAC, MAC, IPV4_TYPE, struct.pack("!I", number) * ((size - 14) // 4 + 1))[:size]


def make_ends(kind):
    """(two sockets of ours, what the relay inherits, its sides)."""
    if kind == "fd":
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        return [a for a, _ in pairs], [b for _, b in pairs], [f"fd:{b.fileno()}" for _, b in pairs]
    ends, sides = [], []
    for _ in range(2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if os.geteuid() == 0:
            end.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 8 << 20)
        end.bind(("127.0.0.1", 0))
        end.connect(("127.0.0.1", port))
        ends.append(end)
        sides.append(f"udp:{port}:{end.getsockname()[1]}")
    return ends, [], sides


@pytest.fixture
def bench():
    """bench(kind, **options): see Bench."""
    made = []

    def make(kind="fd", **options):
        made.append(Bench(kind, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def through(bench, count=1000, **options):
    """The numbers that arrive of so many, and the relay's statistics of that way."""
    made = bench(**options)
    sender = threading.Thread(target=made.send, args=(range(count),))
    sender.start()
    numbers = made.rest()
    sender.join()
    return numbers, made.relay.statistics()[0]


@pytest.mark.parametrize("kind", ["udp", "fd"])
@pytest.mark.parametrize("end", [0, 1])
def test_nothing_is_lost_by_itself(bench, kind, end):
    made = bench(kind, both="delay=2ms")
    for start in range(0, 20 * BURST, BURST):
        sender = threading.Thread(target=made.send, args=(range(start, start + BURST), end))
        sender.start()
        assert [number for number, _ in made.receive(BURST, 1 - end)] == list(range(start, start + BURST))
        sender.join()
    statistics = made.relay.stop()[end]
    assert statistics["taken"] == statistics["delivered"] == 20 * BURST
    assert statistics["lost"] == statistics["overflowed"] == statistics["refused"] == 0


@pytest.mark.parametrize("size", [14, 60, 1514, 9014])
def test_frames_pass_unchanged(bench, size):
    made = bench()
    made.ends[0].send(frame(7, size))
    assert made.ends[1].recv(65536) == frame(7, size)


def test_each_way_has_its_own_delay(bench):
    made = bench(there="delay=50ms", back="delay=10ms")
    for end, delay in ((0, 0.05), (1, 0.01)):
        for number in range(20):
            start = time.monotonic()
            made.send([number], end)
            assert made.receive(1, 1 - end)[0][1] - start >= delay


def test_loss_by_seed(bench):
    first, statistics = through(bench, there="loss=5%", seed=3)
    assert first == sorted(first) and 0 < statistics["lost"] == 1000 - len(first) < 150
    again, _ = through(bench, there="loss=5%", seed=3)
    assert first == again
    other, _ = through(bench, there="loss=5%", seed=4)
    assert first != other


def test_bursts(bench):
    numbers, _ = through(bench, there="burst=1% goes-on=80%")
    missing = sorted(set(range(1000)) - set(numbers))
    bursts = 1 + sum(b != a + 1 for a, b in zip(missing, missing[1:]))
    assert missing and len(missing) > 2 * bursts


def test_duplicates_and_order(bench):
    numbers, statistics = through(bench, there="duplicate=10% reorder=20% jitter=5ms")
    assert set(numbers) == set(range(1000)) and numbers != sorted(numbers)
    assert 0 < statistics["doubled"] == len(numbers) - 1000


def test_damage_is_one_bit(bench):
    made = bench(there="corrupt=100%")
    for number in range(100):
        made.send([number])
        data = made.ends[1].recv(65536)
        turned = [a ^ b for a, b in zip(data, frame(number)) if a != b]
        assert len(turned) == 1 and turned[0].bit_count() == 1 and data[:14] == frame(number)[:14]


def test_rate_and_queue(bench):
    made = bench(there="rate=1M queue=15140")
    start = time.monotonic()
    made.send(range(40))  # 12 ms each; ten may wait
    came = made.receive(10)
    assert came[-1][1] - start >= 10 * 1514 * 8 / 1e6
    assert [number for number, _ in came] == list(range(10))
    made.rest()
    assert made.relay.statistics()[0]["lost"] > 0


def test_cut_and_mend(bench):
    made = bench()
    made.send([1])
    made.receive(1)
    made.relay.cut()
    made.send([2])
    while made.relay.statistics()[0]["cut"] < 1:
        time.sleep(0.01)
    made.relay.mend()
    made.send([3])
    assert made.receive(1)[0][0] == 3


def test_an_end_that_comes_later(bench):
    made = bench("udp")
    name = made.ends[1].getsockname()
    made.ends[1].close()
    made.send(range(5))
    while made.relay.statistics()[0]["taken"] < 5:
        time.sleep(0.01)
    made.ends[1] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.ends[1].settimeout(LIMIT)
    made.ends[1].bind(name)
    made.send(range(10, 20))
    assert made.receive(1)[0][0] >= 10


@pytest.mark.parametrize("words", [[], ["fd:0"], ["-l", "loss=2", "fd:0", "fd:1"], ["-s", "x", "fd:0", "fd:1"],
                                   ["fd:99", "fd:0"], ["udp:1", "fd:0"], ["udp:0:5", "fd:0"], ["tcp:1:2", "fd:0"],
                                   ["-x", "fd:0", "fd:1"], ["tap:a-name-much-too-long", "fd:0"]])
def test_bad_command_lines(words):
    done = subprocess.run([SANITIZED, *words], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode in (1, 2) and done.stderr.startswith(("relay: ", "usage: ", str(SANITIZED)))
