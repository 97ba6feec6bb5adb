#!/usr/bin/python3
"""nettap: the engine on a tap of this machine, in real time, beside Linux's own TCP/IP.

As a program it is what runs inside of a network namespace: it starts nettap, gives the tap an address and plays one
scenario, whose name is its argument.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import linux_end  # noqa: E402
import relay  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
NETTAP = TOP / "build/host/bin/nettap"
OURS, LINUX = "10.1.0.2", "10.1.0.1"
ECHO, DISCARD, DAYTIME, CHARGEN = 7, 9, 13, 19
PATIENCE = 60
SET_PERSISTENT = 0x400454CB

needs_namespace = pytest.mark.skipif(bool(linux_end.missing()), reason=linux_end.missing())


# ---- The scenarios, in the namespace ----

def connect(port):
    link = socket.create_connection((OURS, port), PATIENCE)
    link.settimeout(PATIENCE)
    return link


def ping():
    """Echo requests of several sizes, the largest in fragments."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(PATIENCE)
        for number, size in enumerate((0, 56, 1472)):
            body = os.urandom(size)
            head = struct.pack(">BBHHH", 8, 0, 0, 77, number)
            total = sum(struct.unpack(f">{(len(head) + size) // 2}H", head + body))
            total = (total & 0xffff) + (total >> 16)
            total = (total & 0xffff) + (total >> 16)
            raw.sendto(head[:2] + struct.pack(">H", ~total & 0xffff) + head[4:] + body, (OURS, 0))
            answer = raw.recv(65536)[20:]
            assert answer[0] == 0 and answer[4:] == struct.pack(">HH", 77, number) + body


def echo():
    """16 MiB there and back."""
    data = os.urandom(1 << 20) * 16
    with connect(ECHO) as link:
        def feed():
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
        threading.Thread(target=feed, daemon=True).start()
        digest = hashlib.sha256()
        while piece := link.recv(1 << 16):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(data).digest()


def many():
    """As many at once as there is room for, and one of them still served in the end."""
    links = [connect(ECHO) for _ in range(100)]
    for number, link in enumerate(links):
        link.sendall(b"number %d" % number)
    for number, link in enumerate(links):
        assert link.recv(100) == b"number %d" % number
        link.close()


def services():
    with connect(DAYTIME) as link:
        assert link.recv(100).endswith(b"-UTC\r\n") and link.recv(100) == b""
    with connect(DISCARD) as link:
        link.sendall(bytes(4 << 20))
        link.shutdown(socket.SHUT_WR)
        assert link.recv(1) == b""


def pattern():
    """16 MiB one way, of which each byte is known; then the reader goes in the middle of it."""
    row = bytes(range(32, 127)) * 2
    period = b"".join(row[line:][:72] + b"\r\n" for line in range(95))
    with connect(CHARGEN) as link:
        got, digest = 0, hashlib.sha256()
        while got < 16 << 20:
            piece = link.recv(min(1 << 16, (16 << 20) - got))
            digest.update(piece)
            got += len(piece)
    assert digest.digest() == hashlib.sha256((period * (got // len(period) + 1))[:got]).digest()


def resets():
    """Peers that reset, more than there is room for; one too many is reset; nobody else notices."""
    with connect(ECHO) as steady:
        for _ in range(400):
            link = connect(ECHO)
            link.sendall(bytes(1000))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()
        full = [connect(ECHO) for _ in range(255)]
        for link in full:
            link.sendall(b"x")
            assert link.recv(1) == b"x"
        with pytest.raises(ConnectionError), connect(ECHO) as surplus:
            surplus.sendall(b"x")
            surplus.recv(1)
        steady.sendall(b"still there")
        assert steady.recv(100) == b"still there"
        for link in full:
            link.close()


def greedy():
    """Peers that send and do not read fill all their buffers: others are still served, and in the end nothing is missing."""
    links = [connect(ECHO) for _ in range(60)]
    sent, got = [0] * len(links), [0] * len(links)
    for link in links:
        link.setblocking(False)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for number, link in enumerate(links):
            with contextlib.suppress(BlockingIOError):
                sent[number] += link.send(bytes([number]) * (1 << 16))
    assert sum(sent) > 64 << 20
    services()
    end = time.monotonic() + 2 * PATIENCE
    while got != sent and time.monotonic() < end:
        for number, link in enumerate(links):
            with contextlib.suppress(BlockingIOError):
                piece = link.recv(1 << 20)
                assert piece == bytes([number]) * len(piece) and piece
                got[number] += len(piece)
    assert got == sent


def datagrams():
    """Up to the longest that there are; those beyond the MTU go in fragments, both ways."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE)
        for size in (0, 1, 1472, 1473, 9000, 65507):
            data = os.urandom(size)
            link.sendto(data, (OURS, ECHO))
            assert link.recv(70000) == data
        link.sendto(b"anything", (OURS, CHARGEN))
        assert len(link.recv(1000)) == 74
    for _ in range(50):  # whose answers nobody waits for: the errors that come back are about no one
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(bytes(100), (OURS, ECHO))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE)
        link.sendto(b"after all", (OURS, ECHO))
        assert link.recv(100) == b"after all"


def refused():
    with pytest.raises(ConnectionRefusedError):
        connect(81)


def devices():
    return [name for _, name in socket.if_nameindex()]


def start(device, *options):
    nettap = subprocess.Popen([NETTAP, *options, "-u", LINUX, device, f"{OURS}/24"], stdout=subprocess.PIPE, text=True)
    assert "nettap:" in nettap.stdout.readline()
    return nettap


def stop(nettap, number=signal.SIGTERM):
    nettap.send_signal(number)
    assert nettap.wait(PATIENCE) == 0  # and nothing has leaked
    nettap.stdout.close()


def ends():
    """A tap that it made goes with it; one that persists stays, and who is still connected is told."""
    for number in (signal.SIGTERM, signal.SIGINT):
        nettap = start("tap0")
        assert "tap0" in devices()
        stop(nettap, number)
        assert "tap0" not in devices()
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, linux_end.TUNSETIFF, linux_end.request("tap1", struct.pack("H", linux_end.TAP | linux_end.NO_HEADER)))
    fcntl.ioctl(tap, SET_PERSISTENT, 1)
    os.close(tap)
    for _ in range(2):
        nettap = start("tap1")
        with connect(ECHO) as link:
            link.sendall(b"x")
            assert link.recv(1) == b"x"
            stop(nettap)
            with pytest.raises(ConnectionResetError):
                link.recv(1)
        assert "tap1" in devices()


def vanishes():
    """Somebody takes the tap away: it says so and ends."""
    nettap = start("tap0")
    subprocess.run(["ip", "link", "delete", "tap0"], check=True)
    assert nettap.wait(PATIENCE) == 1


SCENARIOS = {function.__name__: function for function in (ping, echo, pattern, many, services, resets, greedy, datagrams, refused)}
ALONE = {function.__name__: function for function in (ends, vanishes)}


def main():
    scenario, *words = sys.argv[1:]
    if scenario in ALONE:
        ALONE[scenario]()
        return
    nettap = start(*words)
    try:
        SCENARIOS[scenario]()
        stop(nettap)
    finally:
        nettap.kill()


# ---- The tests ----

def play(scenario, device="tap0", *options):
    done = subprocess.run([*linux_end.namespace(), sys.executable, "-B", __file__, scenario, device, *options], cwd=TOP,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_namespace
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_on_a_tap(scenario):
    play(scenario)


@needs_namespace
@pytest.mark.parametrize("scenario", ("echo", "pattern", "services", "datagrams"))
@pytest.mark.parametrize("device", ("tap0", "tun0"))
def test_with_offloads(device, scenario):
    play(scenario, device, "-o", "-b", "1048576")


@needs_namespace
@pytest.mark.parametrize("scenario", ("ping", "echo", "resets", "datagrams"))
def test_without_ethernet(scenario):
    play(scenario, "tun0")


@needs_namespace
@pytest.mark.parametrize("mtu", ("576", "9000"))
def test_other_mtus(mtu):
    play("echo", "tap0", "-m", mtu)
    play("datagrams", "tap0", "-m", mtu)


@needs_namespace
def test_how_it_ends():
    play("ends")


@needs_namespace
@pytest.mark.skipif(shutil.which("ip") is None, reason="no ip command")
def test_a_tap_that_vanishes():
    play("vanishes")


MAC = bytes.fromhex("020000000099")
ASK = (b"\xff" * 6 + MAC + bytes.fromhex("08060001080006040001") + MAC + socket.inet_aton(LINUX) + bytes(6)
       + socket.inet_aton(OURS)).ljust(60, b"\0")


def answers(wire, send):
    """Whoever asks for the address is answered."""
    wire.settimeout(PATIENCE)
    send(ASK)
    while (frame := wire.recv(2000))[:6] != MAC:
        pass
    assert frame[12:14] == b"\x08\x06" and frame[28:32] == socket.inet_aton(OURS)


def test_frames_in_datagrams():
    """As QEMU's dgram netdev has them, for which nobody needs rights."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        wire.bind(("127.0.0.1", 0))
        free.bind(("127.0.0.1", 0))
        theirs = free.getsockname()
        free.close()
        words = [NETTAP, "-s", "1", f"udp:{theirs[1]}:{wire.getsockname()[1]}", f"{OURS}/24", "echo"]
        nettap = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert "nettap:" in nettap.stdout.readline()
        answers(wire, lambda frame: wire.sendto(frame, theirs))
        wire.sendto(b"", theirs)    # which is not the end
        answers(wire, lambda frame: wire.sendto(frame, theirs))
        stop(nettap)


def test_frames_by_a_descriptor():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    nettap = subprocess.Popen([NETTAP, f"fd:{theirs.fileno()}", f"{OURS}/24"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, pass_fds=(theirs.fileno(),))
    theirs.close()
    assert "nettap:" in nettap.stdout.readline()
    answers(ours, ours.send)
    ours.close()
    assert nettap.wait(PATIENCE) == 1
    assert "the device has ended" in nettap.communicate()[1]


@needs_namespace
@pytest.mark.parametrize("cable", ("loss=2% delay=5ms", "burst=1% goes-on=66% delay=5ms", "reorder=10% jitter=4ms delay=5ms",
                                   "duplicate=5% corrupt=1%", "rate=20M queue=30k delay=5ms"))
def test_over_a_bad_cable(tmp_path, cable):
    """4 MiB there and back at once between the engine and Linux, over the relay."""
    plug = relay.Plug()
    linux = linux_end.LinuxEnd(plug, tmp_path)
    nettap = subprocess.Popen([NETTAP, f"fd:{plug.fds[0]}", f"{linux_end.GUEST}/24", "echo"], stdout=subprocess.PIPE,
                              text=True, pass_fds=plug.fds)
    try:
        assert "nettap:" in nettap.stdout.readline()
        linux.link(cable)
        assert linux.echo(4 << 20, 1)
        there, back = linux.statistics()
        assert there["taken"] > 2000 and back["taken"] > 2000
        stop(nettap)
    finally:
        nettap.kill()
        linux.stop()
        plug.close()


@pytest.mark.parametrize("words, says", (
    ("", "usage"), ("tap0", "usage"), ("-z tap0 10.1.0.2/24", "usage"), ("-m", "usage"),
    ("tap0 10.1.0.2", "10.1.0.2"), ("tap0 10.1.0.2/40", "/40"), ("tap0 10.1.0.2/", "no address"), ("tap0 10.1.0/24", "no address"),
    ("tap0 10.1.0.2/24 finger", "finger"), ("tap0 10.1.0.2/24 echo=0", "echo=0"), ("tap0 10.1.0.2/24 echo=7x", "echo=7x"),
    ("-m 100 fd:0 10.1.0.2/24", "-m: 100"), ("-m 67036 fd:0 10.1.0.2/24", "-m: 67036"), ("-m no fd:0 10.1.0.2/24", "-m: no"),
    ("-b 5000 fd:0 10.1.0.2/24", "-b: 5000"), ("-s x fd:0 10.1.0.2/24", "-s: x"), ("-g 1.2.3 fd:0 10.1.0.2/24", "-g: 1.2.3"),
    ("-u 10 fd:0 10.1.0.2/24", "-u: 10"), ("-u 10.1.0.1 fd:0 10.1.0.2/24", "-u is for"), ("-o fd:0 10.1.0.2/24", "-o is for"),
    ("udp:1 10.1.0.2/24", "two ports"), ("udp:1:70000 10.1.0.2/24", "two ports"), ("fd:x 10.1.0.2/24", "descriptor"),
    ("fd:77 10.1.0.2/24", "Bad file descriptor"), ("fd:0 224.0.0.1/24", "no host"), ("-g 10.2.0.1 fd:0 10.1.0.2/24", "no host"),
    ("tap-of-a-long-name 10.1.0.2/24", "tap-of-a-long-name: File name too long")))
def test_wrong_words_are_refused(words, says):
    done = subprocess.run([NETTAP, *words.split()], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 2) and says in done.stderr, done


@needs_namespace
def test_what_is_no_tap_is_refused():
    done = subprocess.run([*linux_end.namespace(), NETTAP, "lo", f"{OURS}/24"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1 and "no tap" in done.stderr, done


if __name__ == "__main__":
    main()
