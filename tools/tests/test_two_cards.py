"""A machine with two network cards: services on both, packets that it passes on between them, and a driver's death."""
import re
import time
import urllib.request

import peers
import pytest
import qemu
from guest import COMMAND_LIMIT, Guest
from wire import ACK, ICMP_NUMBER, MSS, SYN, TCP_NUMBER, UDP_NUMBER, Peer, Wire, icmp, tcp, udp

ECHO = 7
LARGE = 8 << 20
TTL_EXCEEDED = (11, 0)
NET_UNREACHABLE = (3, 0)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine between two wires, 10.9.0.0/24 and 10.8.0.0/24, that passes nothing on yet."""
    wires = Wire(), Wire(ip="10.8.0.2", guest_ip="10.8.0.1", card=1)
    guest = Guest(tmp_path_factory.mktemp("cards"), net=wires[0].netdev(), second_net=wires[1].netdev(),
                  append="ip=10.9.0.1/24,gw=10.9.0.2 ip1=10.8.0.1/24 without=httpd")
    try:
        guest.boot()
        guest.start_services()
        guest.wires = wires
        for wire in wires:
            wire.ping(b"x")
        yield guest
    finally:
        guest.kill()
        for wire in wires:
            wire.close()


@pytest.fixture
def guest(machine):
    for wire in machine.wires:
        wire.drain()
    return machine


@pytest.fixture
def router(guest):
    """The machine while it passes packets on."""
    assert guest.ok("ip forward").strip() == "off"
    guest.ok("ip forward on")
    for wire in guest.wires:        # the cards were opened anew
        wire.ping(b"x")
        wire.drain()
    yield guest
    guest.ok("ip forward off")


def opens(guest):
    """How often a driver was opened."""
    return re.search(r"^device_opens +(\d+)$", guest.ok("netstat -s"), re.M)[1]


def crossing(wires, number, payload, **fields):
    """Sends from one wire's peer to the other's; what comes out there, and what the sender hears."""
    for wire in wires:
        wire.drain()
    near, far = wires
    near.send_ipv4(number, payload, source=near.ip, target=far.ip, **fields)
    return far.settle(), near.settle()


def test_both_are_there(guest):
    links = guest.ok("ip link")
    assert "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP>" in links and "3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP>" in links
    assert guest.ok("ip route").splitlines() == [
        "default via 10.9.0.2 dev eth0", "10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1",
        "10.8.0.0/24 dev eth1 proto kernel scope link src 10.8.0.1"]
    assert "address   10.8.0.1/24" in guest.ok("netstat -i")


@pytest.mark.parametrize("number", [0, 1])
def test_services_on_each(guest, number):
    wire = guest.wires[number]
    peer = Peer(wire, ECHO)
    peer.connect()
    peer.send(ACK, b"over this card")
    assert peer.read(14) == b"over this card"
    peer.close()
    wire.send_udp(6000, ECHO, b"hello")
    assert wire.receive(lambda packet: packet.kind == "udp").payload == b"hello"
    assert not guest.wires[1 - number].settle(), "nothing on the other one"


def test_nothing_is_passed_on_unasked(guest):
    out, back = crossing(guest.wires, UDP_NUMBER, udp(guest.wires[0].ip, guest.wires[1].ip, 6000, 6001, b"no"))
    assert not out and not back


@pytest.mark.parametrize("direction", [1, -1])
def test_packets_are_passed_on(router, direction):
    wires = router.wires[::direction]
    near, far = wires
    for length in (0, 1, 1472):
        out, back = crossing(wires, UDP_NUMBER, udp(near.ip, far.ip, 6000, 6001, b"u" * length), ttl=9, tos=0x28)
        assert [(p.kind, p.source, p.ttl, p.tos, p.payload) for p in out] == [("udp", near.ip, 8, 0x28, b"u" * length)]
        assert not back
    out, _ = crossing(wires, TCP_NUMBER, tcp(near.ip, far.ip, 6000, 6001, 5, 0, SYN, options=MSS))
    assert [(p.kind, p.seq, p.flags, p.options) for p in out] == [("tcp", 5, SYN, MSS)]
    out, _ = crossing(wires, ICMP_NUMBER, icmp(8, 0, 77, b"ping"))
    assert [(p.kind, p.type, p.rest) for p in out] == [("icmp", 8, 77)]


def test_what_cannot_go_on_is_told(router):
    near, far = router.wires
    datagram = udp(near.ip, far.ip, 6000, 6001, b"x")
    out, back = crossing(router.wires, UDP_NUMBER, datagram, ttl=1)
    assert not out and [(p.type, p.code) for p in back] == [TTL_EXCEEDED]
    near.send_ipv4(UDP_NUMBER, udp(near.ip, b"\x0a\x08\x00\x63", 1, 2, b"x"), source=near.ip, target=b"\x0a\x08\x00\x63")
    assert [p for p in far.settle() if p.kind == "arp" and p.target == b"\x0a\x08\x00\x63"], "it is looked for"
    router.ok("ip route del default")
    out, back = crossing(router.wires, UDP_NUMBER, datagram)
    assert len(out) == 1
    near.send_ipv4(UDP_NUMBER, udp(near.ip, b"\x0b\x00\x00\x01", 1, 2, b"x"), source=near.ip, target=b"\x0b\x00\x00\x01")
    assert [(p.type, p.code) for p in near.settle() if p.kind == "icmp"] == [NET_UNREACHABLE]
    router.ok("ip route add default via 10.9.0.2")


def test_pieces_are_passed_on(router):
    near, far = router.wires
    whole = udp(near.ip, far.ip, 6000, 6001, bytes(range(256)) * 12)
    near.send_cut(UDP_NUMBER, whole, 1480, 77, source=near.ip, target=far.ip)
    assert [p.payload for p in far.settle() if p.kind == "udp"] == [whole[8:]]


def test_a_driver_dies_and_the_other_goes_on(guest):
    first, second = guest.wires
    links = [Peer(wire, ECHO) for wire in guest.wires]
    for link in links:
        link.connect()
    before = opens(guest)
    guest.ok("kill virtio_net1")
    links[0].send(ACK, b"first")
    assert links[0].read(5) == b"first"
    deadline = time.monotonic() + COMMAND_LIMIT
    while opens(guest) == before:
        assert time.monotonic() < deadline, "the driver does not come back"
        time.sleep(0.1)
    second.ping(b"x")
    links[1].send(ACK, b"second")
    assert links[1].read(6) == b"second"
    for link in links:
        link.close()
    first.ping(b"x")


def test_files_over_the_second(make_guest, nginx):
    """More than its buffers hold, both ways; the first card leads nowhere."""
    data = peers.pattern(LARGE)
    (nginx.www / "large.bin").write_bytes(data)
    port = qemu.free_port()
    guest = make_guest(net="user,restrict=on", append="ip=10.9.0.1/24 ip1=10.0.3.15/24",
                       second_net=f"user,net=10.0.3.0/24,hostfwd=tcp:127.0.0.1:{port}-:80")
    guest.ports[80] = port
    guest.boot().serving()
    guest.ok(f"http -o /www/copy.bin http://10.0.3.2:{nginx.port}/large.bin", limit=300)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/copy.bin", timeout=300) as answer:
        assert answer.read() == data
    assert guest.shutdown() == 0
    assert guest.disk.read("/www/copy.bin") == data


@pytest.mark.parametrize("option", ["ip1=dhcp", "ip1=10.8.0.1/24,gw=10.8.0.2", "ip1=10.8.0/24", "forward=2"])
def test_options_that_make_no_sense(make_guest, option):
    guest = make_guest(append=option).boot()
    assert f"{option} makes no sense" in guest.serial.text()
    assert guest.ok("ip forward").strip() == "off"


def test_forwarding_from_the_start(make_guest):
    guest = make_guest(append="forward=1").boot()
    assert guest.ok("ip forward").strip() == "on"
    assert guest.run("ip forward perhaps").status == 1
    guest.ok("ip forward off")
    assert guest.ok("ip forward").strip() == "off"
