"""Groups and broadcasts on the wire: what the running system reports by IGMP, what it takes and what it lets pass."""
import re
import struct
import time

import pytest
from guest import Guest
from wire import IGMP_NUMBER, UDP_NUMBER, Wire, address, checksum, ethernet, ipv4, udp

ECHO = 7
GROUP, OTHER, ROUTERS = address("239.1.2.3"), address("239.1.2.4"), address("224.0.0.22")
ALERT = b"\x94\x04\0\0"
IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE = 2, 3, 4


def group_mac(group):
    return b"\x01\0\x5e" + bytes((group[1] & 0x7f, group[2], group[3]))


def query(group=bytes(4), code=10, sources=(), version=3):
    body = struct.pack("!BBH", 0x11, code, 0) + group
    if version == 3:
        body += struct.pack("!BBH", 2, 125, len(sources)) + b"".join(sources)
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def send(wire, target, number, payload, **fields):
    """To a group, as a router or another station would."""
    wire.send(ethernet(group_mac(target), wire.mac, 0x0800, ipv4(wire.ip, target, number, payload, ttl=1, **fields)))


def send_query(wire, target=address("224.0.0.1"), **fields):
    send(wire, target, IGMP_NUMBER, query(**fields), options=ALERT)


def report(wire, limit=15):
    """The next message of IGMP, which must be sent as RFC 3376 4 has it; its records if it is of version 3."""
    packet = wire.receive(lambda packet: packet.kind == "igmp", limit)
    assert (packet.ttl, packet.tos, packet.ip_options) == (1, 0xc0, ALERT)
    assert packet.to == group_mac(packet.target) and packet.source == wire.guest_ip
    if packet.type != 0x22:
        return packet
    assert packet.target == ROUTERS
    records, rest = [], packet.payload[8:]
    while rest:
        kind, auxiliary, count = struct.unpack("!BBH", rest[:4])
        assert auxiliary == 0
        records.append((kind, rest[4:8], [rest[8 + 4 * i:12 + 4 * i] for i in range(count)]))
        rest = rest[8 + 4 * count:]
    assert len(records) == struct.unpack("!H", packet.payload[6:8])[0]
    return records


@pytest.fixture
def machine(tmp_path):
    """A machine whose datagram services are in a group, and the wire that it is at."""
    wire = Wire()
    guest = Guest(tmp_path, net=wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2 without=httpd")
    try:
        guest.boot()
        guest.wire = wire
        guest.start_services("-u -g 239.1.2.3")
        yield guest
    finally:
        guest.kill()
        wire.close()


def end_services(guest):
    guest.ok(f"kill {re.search(r'^ *([0-9]+) .* services ', guest.ok('ps'), re.M)[1]}")


def counter(guest, name):
    return int([line.split()[1] for line in guest.ok("netstat -s").splitlines() if line.split()[0] == name][0])


def test_a_group_from_its_join_to_its_end(machine):
    wire = machine.wire
    assert report(wire) == [(TO_EXCLUDE, GROUP, [])]
    assert report(wire) == [(TO_EXCLUDE, GROUP, [])], "told twice"

    def say(target):
        send(wire, target, UDP_NUMBER, udp(wire.ip, target, 6000, ECHO, b"hello"))

    say(GROUP)
    answer = wire.receive(lambda packet: packet.kind == "udp")
    assert (answer.source, answer.target, answer.to, answer.payload) == (wire.guest_ip, wire.ip, wire.mac, b"hello")
    before = counter(machine, "ipv4_other_group")
    say(OTHER)
    wire.send_udp(6000, ECHO, b"in order")
    assert wire.receive(lambda packet: packet.kind == "udp").payload == b"in order", "nothing came to the other"
    assert counter(machine, "ipv4_other_group") == before + 1

    send_query(wire)
    assert report(wire) == [(IS_EXCLUDE, GROUP, [])]
    send_query(wire, GROUP, group=GROUP)
    assert report(wire) == [(IS_EXCLUDE, GROUP, [])]
    send_query(wire, GROUP, group=GROUP, sources=[address("10.9.0.5")])
    assert report(wire) == [(1, GROUP, [address("10.9.0.5")])], "of those asked about, these are wanted"
    send_query(wire, OTHER, group=OTHER)
    end_services(machine)
    assert report(wire) == [(TO_INCLUDE, GROUP, [])]
    assert report(wire) == [(TO_INCLUDE, GROUP, [])]
    before = counter(machine, "ipv4_other_group")
    say(GROUP)
    wire.settle()
    assert counter(machine, "ipv4_other_group") == before + 1


def test_an_old_router_is_understood(machine):
    wire = machine.wire
    assert report(wire) == report(wire) == [(TO_EXCLUDE, GROUP, [])]
    send_query(wire, version=2, code=5)
    packet = report(wire)
    assert (packet.type, packet.target, packet.payload[4:8]) == (0x16, GROUP, GROUP)
    end_services(machine)
    packet = report(wire)
    assert (packet.type, packet.target, packet.payload[4:8]) == (0x17, address("224.0.0.2"), GROUP)


def test_bad_messages_are_counted(machine):
    wire = machine.wire
    report(wire), report(wire)
    before = counter(machine, "igmp_malformed"), counter(machine, "igmp_checksum"), counter(machine, "igmp_out")
    good = query()
    for length in (0, 7, 9, 11):
        send(wire, address("224.0.0.1"), IGMP_NUMBER, good[:length], options=ALERT)
    send(wire, address("224.0.0.1"), IGMP_NUMBER, query(sources=[GROUP])[:-1], options=ALERT)
    send(wire, address("224.0.0.1"), IGMP_NUMBER, good[:8] + b"\x07" + good[9:], options=ALERT)
    time.sleep(1.5)
    after = counter(machine, "igmp_malformed"), counter(machine, "igmp_checksum"), counter(machine, "igmp_out")
    assert [b - a for a, b in zip(before, after)] == [5, 1, 0]


def test_broadcasts_come_to_the_services(machine):
    wire = machine.wire
    report(wire)        # they are up
    for target in (address("10.9.0.255"), address("255.255.255.255")):
        wire.send_ipv4(UDP_NUMBER, udp(wire.ip, target, 6000, ECHO, b"all"), target=target, to=b"\xff" * 6)
        assert wire.receive(lambda packet: packet.kind == "udp").payload == b"all"
