"""The program ip: addresses, routes and neighbours of a running machine, against a wire that shows what they do."""
import pytest
from guest import Guest
from wire import ACK, UDP_NUMBER, Peer, Wire, address, udp

ECHO = 7
BROADCAST = b"\xff" * 6


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine at the other end of a wire."""
    wire = Wire()
    guest = Guest(tmp_path_factory.mktemp("ip"), net=wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2 without=httpd")
    try:
        guest.boot()
        guest.wire = wire
        guest.start_services()
        yield guest
    finally:
        guest.kill()
        wire.close()


@pytest.fixture
def guest(machine):
    """The machine; a test leaves addresses, routes and the shell as they were."""
    before = machine.ok("ip addr") + machine.ok("ip route")
    machine.wire.drain()
    yield machine
    assert machine.ok("ip addr") + machine.ok("ip route") == before


@pytest.fixture
def wire(guest):
    return guest.wire


def echoed(wire, target, source=None):
    """Sends a datagram to the echo service at one of the guest's addresses; gives the answer with its hardware address."""
    source = wire.ip if source is None else source
    wire.send_ipv4(UDP_NUMBER, udp(source, target, 6000, ECHO, b"hello"), target=target, source=source)
    return wire.receive(lambda packet: packet.kind == "udp" and packet.payload == b"hello")


def asks(wire, target):
    """Does the guest answer for this address?"""
    wire.send_arp(1, wire.ip, target)
    answers = [packet for packet in wire.settle() if packet.kind == "arp" and packet.operation == 2]
    return [packet.source for packet in answers] == [target]


def test_tables_look_as_everywhere(guest):
    lines = guest.ok("ip addr").splitlines()
    assert lines[0].startswith("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536")
    assert lines[2].strip() == "inet 127.0.0.1/8 scope host lo"
    assert lines[3].startswith("2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500")
    assert lines[4].strip() == "link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff"
    assert lines[5].strip() == "inet 10.9.0.1/24 brd 10.9.0.255 scope global eth0"
    assert guest.ok("ip route").splitlines() == [
        "default via 10.9.0.2 dev eth0", "10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1"]
    assert guest.ok("ip link show lo").startswith("1: lo:")


def test_an_alias_is_ours_while_it_is_there(guest, wire):
    alias = address("10.9.0.77")
    assert not asks(wire, alias)
    guest.ok("ip addr add 10.9.0.77/24 dev eth0")
    assert "inet 10.9.0.77/24 brd 10.9.0.255 scope global secondary eth0" in guest.ok("ip addr show eth0")
    announced = wire.receive(lambda packet: packet.kind == "arp" and packet.target == alias and packet.source == alias)
    assert announced.to == BROADCAST
    assert asks(wire, alias)
    wire.ping(b"x", target=alias)
    answer = echoed(wire, alias)
    assert answer.target == wire.ip
    for asked in alias, wire.guest_ip:
        wire.send_ipv4(UDP_NUMBER, udp(wire.ip, asked, 6000, ECHO, b"who?"), target=asked)
        answer = wire.receive(lambda packet: packet.kind == "udp" and packet.payload == b"who?")
        assert answer.source == asked, "the address that was asked answers"
    guest.ok("ip addr del 10.9.0.77/24")
    assert not asks(wire, alias)


def test_a_network_of_its_own_and_a_route(guest, wire):
    far, gateway = address("10.200.0.9"), address("192.168.9.2")
    guest.ok("ip addr add 192.168.9.1/24")
    guest.ok("ip route add 10.200.0.0/16 via 192.168.9.2")
    assert "10.200.0.0/16 via 192.168.9.2 dev eth0" in guest.ok("ip route")
    wire.send_ipv4(UDP_NUMBER, udp(far, address("192.168.9.1"), 6000, ECHO, b"hello"), source=far,
                   target=address("192.168.9.1"))
    asked = wire.receive(lambda packet: packet.kind == "arp" and packet.operation == 1 and packet.target == gateway)
    assert asked.source == address("192.168.9.1"), "the address in the gateway's network"
    wire.send_arp(2, gateway, address("192.168.9.1"), wire.guest_mac)
    assert wire.receive(lambda packet: packet.kind == "udp" and packet.payload == b"hello").target == far
    guest.ok("ip route del 10.200.0.0/16")
    guest.ok("ip addr del 192.168.9.1/24")


def test_neighbours_by_hand(guest, wire):
    wire.ping(b"x")
    table = guest.ok("ip neigh")
    assert "10.9.0.2 dev eth0 lladdr 02:00:00:00:00:02 " in table
    guest.ok("ip neigh add 10.9.0.66 lladdr 02:00:00:00:00:02")
    assert "10.9.0.66 dev eth0 lladdr 02:00:00:00:00:02 PERMANENT" in guest.ok("ip neigh")
    wire.drain()
    assert echoed(wire, wire.guest_ip, address("10.9.0.66")).target == address("10.9.0.66")
    guest.ok("ip neigh flush all")
    assert guest.ok("ip neigh").splitlines() == ["10.9.0.66 dev eth0 lladdr 02:00:00:00:00:02 PERMANENT"]
    guest.ok("ip neigh del 10.9.0.66")
    assert guest.ok("ip neigh") == ""
    wire.ping(b"x")


@pytest.mark.parametrize("command, status, text", [
    ("ip", 1, "an object is missing"),
    ("ip addr add 10.9.0", 1, '"10.9.0" is not an address with a prefix'),
    ("ip addr show dev eth7", 1, 'there is no link "eth7"'),
    ("ip addr add 10.9.0.1/24", 2, "exists already"),
    ("ip addr add 127.0.0.9/8", 2, "invalid argument"),
    ("ip addr del 10.9.0.1/25", 2, "not found"),
    ("ip addr add 10.9.0.9/24 dev lo", 2, "not supported"),
    ("ip route add default via 10.9.0.3", 2, "exists already"),
    ("ip route add 10.8.0.0/16 via 11.0.0.1", 2, "network unreachable"),
    ("ip route add 10.8.0.1/16 via 10.9.0.2", 2, "invalid argument"),
    ("ip route add 10.8.0.0/16 via 10.9.0.2 src 10.9.0.8", 2, "invalid argument"),
    ("ip route del 10.8.0.0/16", 2, "not found"),
    ("ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:09", 2, "invalid argument"),
    ("ip neigh del 10.9.0.99", 2, "not found")])
def test_mistakes_have_a_status(guest, command, status, text):
    output, ended = guest.run(command)
    assert ended == status and text in output


def test_a_connection_outlives_its_address(guest, wire):
    """It cannot send while the address is away, and goes on afterwards; the address before was the last one."""
    peer = Peer(wire, ECHO)
    peer.connect()
    guest.ok("ip addr del 10.9.0.1/24")
    assert guest.ok("ip route") == "", "nothing leads anywhere without an address"
    peer.send(ACK, b"are you there?")
    guest.ok("ip addr add 10.9.0.1/24; ip route add default via 10.9.0.2")
    peer.send(ACK, b"are you there?", seq=1)
    assert peer.read(14) == b"are you there?"
    peer.close()


def test_probing_comes_first_where_it_is_asked_for(tmp_path):
    """RFC 5227 on the wire: three probes, then an announcement; an answer to a probe keeps the address unused."""
    wire = Wire()
    guest = Guest(tmp_path, net=wire.netdev(), append="ip=10.9.0.1/24,probe without=httpd")
    try:
        guest.boot()
        ours, seen = address("10.9.0.1"), []
        while len(seen) < 5:
            packet = wire.next(10)
            assert packet.kind == "arp" and packet.operation == 1 and packet.target == ours and packet.to == BROADCAST
            seen.append(packet)
        assert [packet.source for packet in seen] == [bytes(4)] * 3 + [ours] * 2
        times = [packet.when for packet in seen]
        assert all(0.9 < after - before for before, after in zip(times, times[1:]))
        wire.ping(b"x")
        guest.ok("ip addr add 10.9.0.9/24")
        assert "10.9.0.9/24 brd 10.9.0.255 scope global secondary tentative eth0" in guest.ok("ip addr")
        wire.receive(lambda packet: packet.kind == "arp" and packet.target == address("10.9.0.9"))
        wire.send_arp(2, address("10.9.0.9"), bytes(4), wire.guest_mac)
        wire.settle()
        assert "secondary dadfailed tentative eth0" in guest.ok("ip addr")
    finally:
        guest.kill()
        wire.close()
