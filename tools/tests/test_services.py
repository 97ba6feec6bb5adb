"""The small services echo, discard, daytime and chargen: built for this machine with sanitizers, and in the OS."""
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest
import qemu

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/host/bin/services"
USUAL = {"echo": 7, "discard": 9, "daytime": 13, "chargen": 19}
LIMIT = 60
DAYTIME = re.compile(rb"[A-Z][a-z]+day, [A-Z][a-z]+ \d\d, \d{4} \d\d:\d\d:\d\d-UTC\r\n")
PRINTABLE = bytes(range(32, 127))


def chargen_line(number):
    """RFC 864: line `number` of the pattern."""
    start = number % 95
    return (PRINTABLE[start:] + PRINTABLE)[:72] + b"\r\n"


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT)


def read_all(link):
    """Everything until the peer closes."""
    return b"".join(iter(lambda: link.recv(65536), b""))


def read_exactly(link, length):
    data = b""
    while len(data) < length and (more := link.recv(length - len(data))):
        data += more
    return data


def udp_ask(port, data, tries=10):
    """The answer to a datagram; sent again when none comes, since user-mode networking may lose one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(LIMIT / tries)
        link.connect(("127.0.0.1", port))
        for _ in range(tries):
            link.send(data)
            try:
                return link.recv(65536)
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                time.sleep(0.1)
    raise AssertionError("no answer")


def echo_returns_all(tcp, _udp):
    """More than all buffers on the way hold: reading and writing must keep each other going."""
    data = bytes(n * 7 % 251 for n in range(400_000))
    with connect(tcp["echo"]) as link:
        writer = threading.Thread(target=lambda: (link.sendall(data), link.shutdown(socket.SHUT_WR)))
        writer.start()
        assert read_all(link) == data
        writer.join(LIMIT)


def discard_says_nothing(tcp, _udp):
    with connect(tcp["discard"]) as link:
        link.sendall(bytes(100_000))
        link.shutdown(socket.SHUT_WR)
        assert read_all(link) == b""


def daytime_says_and_closes(tcp, _udp):
    with connect(tcp["daytime"]) as link:
        link.sendall(b"what comes in must not destroy the answer")
        assert DAYTIME.fullmatch(read_all(link))


def chargen_goes_on_until_closed(tcp, _udp):
    expected = b"".join(chargen_line(n) for n in range(1000))
    with connect(tcp["chargen"]) as link:
        link.sendall(b"thrown away")
        assert read_exactly(link, len(expected)) == expected


def datagrams(_tcp, udp):
    for data in (b"x", b"", bytes(1000)):
        assert udp_ask(udp["echo"], data) == data
    assert DAYTIME.fullmatch(udp_ask(udp["daytime"], b""))
    lines = [chargen_line(n) for n in range(95)]
    assert udp_ask(udp["chargen"], b"any") in lines and udp_ask(udp["chargen"], bytes(1000)) in lines


def silent_clients_do_not_stop_others(tcp, udp):
    silent = [connect(tcp[name]) for name in ("echo", "discard", "echo", "chargen")]
    daytime_says_and_closes(tcp, udp)
    for link in silent:
        link.close()


SCENARIOS = [echo_returns_all, discard_says_nothing, daytime_says_and_closes, chargen_goes_on_until_closed, datagrams,
             silent_clients_do_not_stop_others]


class Services:
    """The program on this machine, at ports of its own."""

    def __init__(self, *words):
        self.ports = {name: qemu.free_port() for name in USUAL}
        self.process = subprocess.Popen(
            [PROGRAM, *words, *(f"{name}={port}" for name, port in self.ports.items())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while "-u" not in words and qemu.port_is_free(self.ports["chargen"]):
            assert time.monotonic() < deadline and self.process.poll() is None, "services do not come up"
            time.sleep(0.02)

    def stop(self):
        """Ends it; a sanitizer's complaint or an end of its own is a failure."""
        ended = self.process.poll()
        self.process.terminate()
        said = self.process.communicate()[1].decode(errors="replace")
        assert ended is None and not said, f"ended with {ended}:\n{said}"


@pytest.fixture
def start():
    """start(*options): the running program."""
    made = []

    def make(*words):
        made.append(Services(*words))
        return made[-1]

    yield make
    for services in made:
        services.stop()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.__name__ for s in SCENARIOS])
def test_scenario(start, scenario):
    services = start()
    scenario(services.ports, services.ports)


def test_full_table_makes_others_wait(start):
    ports = start("-c", "2").ports
    first, second, third = (connect(ports["echo"]) for _ in range(3))
    for link in (first, second):
        link.sendall(b"in")
        assert read_exactly(link, 2) == b"in"
    third.sendall(b"in")
    third.settimeout(0.5)
    with pytest.raises(TimeoutError):
        third.recv(2)
    first.close()
    third.settimeout(LIMIT)
    assert read_exactly(third, 2) == b"in"
    second.close()
    third.close()


def test_idle_connection_is_given_up(start):
    ports = start("-i", "1").ports
    with connect(ports["echo"]) as link:
        assert read_all(link) == b""


def test_only_udp(start):
    services = start("-u")
    assert udp_ask(services.ports["echo"], b"x") == b"x"
    with pytest.raises(ConnectionRefusedError):
        connect(services.ports["echo"])


@pytest.mark.parametrize("words", [["finger"], ["echo=0"], ["echo=70000"], ["echo="], ["-c", "1000"], ["-c"], ["-x"],
                                   ["-t", "-u"], ["e"]])
def test_wrong_usage(words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and done.stderr.strip()


def test_port_in_use(start):
    port = start().ports["echo"]
    done = subprocess.run([PROGRAM, f"echo={port}"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "in use" in done.stderr


def test_in_the_os(make_guest):
    udp = {name: qemu.free_port() for name in USUAL}
    forwards = ",".join(f"hostfwd=udp:127.0.0.1:{udp[name]}-:{port}" for name, port in USUAL.items())
    guest = make_guest(forwards=tuple(USUAL.values()), net_options=forwards).boot().serving()
    guest.start_services()
    tcp = {name: guest.ports[port] for name, port in USUAL.items()}
    for scenario in SCENARIOS:  # lets heaps and stacks grow
        scenario(tcp, udp)
    before = guest.resources()
    for scenario in SCENARIOS:
        scenario(tcp, udp)
    guest.settles_to(before)
