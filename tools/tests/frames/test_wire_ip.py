"""ARP, IPv4, ICMP and UDP frame by frame, fragments both ways, and what is wrong in itself."""
import random
import re
import struct
import time

import pytest
from steps import CHARGEN, CLOSED, DAYTIME, DISCARD, ECHO, LONG, PATTERN, counters, cut, echo_datagram, echoed, quote
from wire import (ACK, ARP_TYPE, EVERY_OPTION, ICMP_NUMBER, IPV4_TYPE, MSS, RST, SYN, TCP_NUMBER, UDP_NUMBER, address,
                  arp, ethernet, icmp, ipv4, tcp, udp)

# ---- ARP, IPv4, ICMP ----

def test_arp(wire):
    wire.send_arp(1, wire.ip, wire.guest_ip)
    answer = wire.receive(lambda packet: packet.kind == "arp")
    assert (answer.operation, answer.source, answer.target, answer.to) == (2, wire.guest_ip, wire.ip, wire.mac)
    wire.send_arp(1, wire.ip, address("10.9.0.77"))
    assert not [packet for packet in wire.settle() if packet.kind == "arp"], "not its address"


@pytest.mark.parametrize("length", [0, 1, 56, 1472])
def test_echo_request(wire, length):
    assert wire.ping(PATTERN[:length]).payload == PATTERN[:length]


def test_ip_options_are_skipped(wire):
    record_route = b"\x07\x07\x04\0\0\0\0"
    assert wire.ping(b"x", options=record_route + b"\0").payload == b"x"
    assert wire.ping(b"x", options=b"\x01\x01\x01\x01").payload == b"x"


def test_broadcast_echo_is_not_answered(wire):
    wire.send_ipv4(ICMP_NUMBER, icmp(8, 0, 99), target=address("10.9.0.255"), to=b"\xff" * 6)
    wire.send_ipv4(ICMP_NUMBER, icmp(8, 0, 99), target=address("255.255.255.255"), to=b"\xff" * 6)
    wire.ping()
    assert wire.ping().rest != 99


def test_any_time_to_live(wire):
    """A host does not look at it (RFC 1122 3.2.1.7)."""
    for ttl in (0, 1, 255):
        assert wire.ping(b"x", ttl=ttl).payload == b"x"


def test_timestamp_request(wire):
    wire.send_ipv4(ICMP_NUMBER, icmp(13, 0, 0x77, struct.pack("!III", 1234, 0, 0)), target=address("10.9.0.255"),
                   to=b"\xff" * 6)
    wire.send_ipv4(ICMP_NUMBER, icmp(13, 0, 0x78, struct.pack("!III", 1234, 0, 0)))
    answer = wire.receive(lambda packet: packet.kind == "icmp")
    originate, received, transmitted = struct.unpack("!III", answer.payload)
    assert (answer.type, answer.code, answer.rest, originate) == (14, 0, 0x78, 1234)
    assert received == transmitted and received >> 31, "the guest does not know the time of day"


@pytest.mark.parametrize("kind", [1, 2, 6, 9, 10, 15, 17, 37, 255])
def test_other_icmp_is_ignored(wire, kind):
    """Also requests for information and address masks (RFC 1122 3.2.2.7 and 3.2.2.9)."""
    wire.send_ipv4(ICMP_NUMBER, icmp(kind, 0, 0, bytes(20)))
    assert not [packet for packet in wire.settle() if packet.kind == "icmp"]


@pytest.mark.parametrize("options, pointer", [(b"\x07\x00\0\0", 20), (b"\x01\x01\x07\x09", 22), (b"\x01\x01\x01\x07", 23)],
                         ids=["no-length", "too-long", "cut-off"])
def test_wrong_options_are_reported(guest, stranger, options, pointer):
    before = counters(guest)["ipv4_malformed"]
    stranger.send_ipv4(ICMP_NUMBER, icmp(8, 0, 1), options=options)
    error = stranger.receive(lambda packet: packet.kind == "icmp")
    assert (error.type, error.code, error.rest >> 24) == (12, 0, pointer)
    assert error.payload[20:24] == options
    assert counters(guest)["ipv4_malformed"] == before + 1


def test_errors_are_limited(guest, stranger):
    """Six at once to a peer, then one a second; another peer is not touched by that."""
    wire = stranger
    before = counters(guest)["icmp_rate_limited"]
    for number in range(20):
        wire.send_udp(5555, CLOSED, b"%d" % number)
    errors = [packet for packet in wire.settle() if packet.kind == "icmp" and packet.type == 3]
    assert len(errors) in (6, 7)
    assert counters(guest)["icmp_rate_limited"] - before == 20 - len(errors)


def test_unknown_protocol_is_reported(stranger):
    wire = stranger
    wire.send_ipv4(200, b"whatever")
    error = wire.receive(lambda packet: packet.kind == "icmp")
    assert (error.type, error.code) == (3, 2) and error.payload[9] == 200


def test_closed_udp_port_is_reported(stranger):
    wire = stranger
    wire.send_udp(5555, CLOSED, b"anybody?")
    error = wire.receive(lambda packet: packet.kind == "icmp")
    sent = udp(wire.ip, wire.guest_ip, 5555, CLOSED, b"anybody?")
    assert (error.type, error.code) == (3, 3) and error.payload[20:] == sent


def test_no_error_about_errors_fragments_and_broadcasts(wire):
    quote = ipv4(wire.ip, wire.guest_ip, UDP_NUMBER, udp(wire.ip, wire.guest_ip, 1, 2, b""))
    wire.send_ipv4(ICMP_NUMBER, icmp(3, 3, 0, quote))
    wire.send_ipv4(200, b"fragment", fragment=1)
    wire.send_ipv4(200, b"broadcast", target=address("10.9.0.255"), to=b"\xff" * 6)
    wire.send_ipv4(200, b"link broadcast", to=b"\xff" * 6)
    wire.pings += 1
    wire.send_ipv4(ICMP_NUMBER, icmp(8, 0, 0x12340000 + wire.pings))
    answer = wire.receive(lambda packet: packet.kind == "icmp")
    assert (answer.type, answer.rest) == (0, 0x12340000 + wire.pings), "an error came first"


# ---- UDP ----

@pytest.mark.parametrize("with_sum", [True, False], ids=["sum", "no-sum"])
def test_udp_echo(wire, with_sum):
    for length in (0, 1, 1472):
        wire.send_udp(6000, ECHO, PATTERN[:length], with_sum=with_sum)
        answer = wire.receive(lambda packet: packet.kind == "udp")
        assert (answer.source_port, answer.target_port, answer.payload) == (ECHO, 6000, PATTERN[:length])


def test_services_do_not_answer_each_other(wire):
    for port in (0, ECHO, DISCARD, DAYTIME, 17, CHARGEN, 37):
        for service in (ECHO, DAYTIME, CHARGEN):
            wire.send_udp(port, service, b"forged")
    wire.send_udp(6000, ECHO, b"honest")
    answer = wire.receive(lambda packet: packet.kind == "udp")
    assert answer.target_port == 6000


# ---- Fragments in ----

@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled", "doubled"])
def test_fragments_in_any_order(wire, order):
    for number, (length, size) in enumerate([(1472, 8 * 64), (100, 8), (1000, 992), (0, 8), (1472, 24)]):
        datagram = echo_datagram(wire, length)
        pieces = cut(datagram, size)
        if order == "backwards":
            pieces.reverse()
        elif order == "shuffled":
            random.Random(number).shuffle(pieces)
        elif order == "doubled":
            pieces = [piece for piece in pieces[:-1] for _ in range(2)] + pieces[-1:]
        for start, end in pieces:
            wire.send_fragment(UDP_NUMBER, datagram, start, end, 100 + number)
        assert echoed(wire) == PATTERN[:length]


def test_fragments_of_icmp_and_tcp(wire):
    """Also a segment: its sum is checked over the whole."""
    request = icmp(8, 0, 0x7777, PATTERN[:1000])
    for start, end in cut(request, 104):
        wire.send_fragment(ICMP_NUMBER, request, start, end, 7)
    answer = wire.receive(lambda packet: packet.kind == "icmp")
    assert (answer.type, answer.rest, answer.payload) == (0, 0x7777, PATTERN[:1000])
    for sum_error in (1, 0):
        segment = tcp(wire.ip, wire.guest_ip, 6002, CLOSED, 77, 0, SYN, options=MSS, sum_error=sum_error)
        for start, end in cut(segment, 8):
            wire.send_fragment(TCP_NUMBER, segment, start, end, 8 + sum_error)
    refusals = [packet for packet in wire.settle() if packet.kind == "tcp"]
    assert [packet.flags for packet in refusals] == [RST | ACK]


def test_fragments_of_two_datagrams_at_once(wire):
    first, second = (udp(wire.ip, wire.guest_ip, 6000, ECHO, bytes([n]) * 1000) for n in (1, 2))
    for start, end in cut(first, 256):
        wire.send_fragment(UDP_NUMBER, first, start, end, 50)
        wire.send_fragment(UDP_NUMBER, second, start, end, 51)
    assert {echoed(wire), echoed(wire)} == {b"\1" * 1000, b"\2" * 1000}


def test_fragments_that_contradict_each_other(guest, wire):
    before = counters(guest)
    datagram = echo_datagram(wire, 1000)

    def send(ident, *ranges):
        for start, end, *more in ranges:
            wire.send_fragment(UDP_NUMBER, datagram, start, end, ident, *more)

    send(60, (0, 512), (504, 1008))                             # overlapping
    send(61, (512, 1008), (0, 520))
    send(62, (0, 512), (1000, 1008), (512, 1008))
    send(63, (512, 1000, False), (512, 1008, False))            # two ends
    send(64, (0, 512), (512, 512))                              # nothing at all
    send(65, (8, 512), (512, 600, False), (600, 1008))          # behind the end
    assert not [packet for packet in wire.settle() if packet.kind == "udp"]
    after = counters(guest)
    assert after["ipv4_reassembly_overlap"] == before["ipv4_reassembly_overlap"] + 3
    assert after["ipv4_reassembly_malformed"] == before["ipv4_reassembly_malformed"] + 3
    send(66, (0, 512), (0, 512), (504, 512), (512, 1008))       # but what is there may come again
    assert echoed(wire) == PATTERN[:1000]


def test_fragments_that_stay_alone(guest, wire):
    """After half a minute the source is told, if the first fragment is there."""
    before = counters(guest)
    datagram = echo_datagram(wire, 1000)
    wire.send_fragment(UDP_NUMBER, datagram, 512, 1008, 70)
    wire.send_fragment(UDP_NUMBER, datagram, 0, 512, 71, target=address("10.9.0.255"), to=b"\xff" * 6)
    sent_at = time.monotonic()
    wire.send_fragment(UDP_NUMBER, datagram, 0, 512, 72)
    error = wire.receive(lambda packet: packet.kind == "icmp")
    assert (error.type, error.code) == (11, 1) and error.payload[4:6] == struct.pack("!H", 72)
    assert error.payload[20:] == datagram[:512] and 29 < error.when - sent_at < 40
    assert not [packet for packet in wire.settle() if packet.kind == "icmp"], "the others are not told of"
    assert counters(guest)["ipv4_reassembly_timeout"] >= before["ipv4_reassembly_timeout"] + 3


def test_flood_of_fragments(guest, wire):
    """First fragments by the thousand, from many and from one: memory is bounded, and the serious come through."""
    def memory(name):
        return int(re.search(rf"^arena_{name} +(\d+)$", guest.ok("netstat -m"), re.M)[1])

    datagram = echo_datagram(wire, 1400)
    before = memory("used")
    for number in range(4000):
        source = wire.ip if number % 2 else struct.pack("!I", 0x0a0a0000 + number)
        wire.send_fragment(UDP_NUMBER, datagram, 0, 1400, number, source=source)
        if number % 50 == 0:
            wire.ping()
    assert 100_000 < memory("used") - before < memory("size") // 7
    for start, end in cut(datagram, 704):
        wire.send_fragment(UDP_NUMBER, datagram, start, end, 5000)
    assert echoed(wire) == PATTERN[:1400]
    assert counters(guest)["ipv4_reassembly_overflow"] > 1000


# ---- Fragments out ----

@pytest.mark.parametrize("length", [1472, 1473, 1480, 2952, 2953, 9000, 40000, 65507])
def test_udp_echo_of_any_length(wire, length):
    wire.send_cut(UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, ECHO, LONG[:length]), 1480, 1000 + length % 1000)
    answer = wire.receive(lambda packet: packet.kind == "udp")
    assert answer.payload == LONG[:length]
    assert answer.whole == (length <= 1472), "DF on what is not cut, and only there"
    assert answer.pieces == ([] if length <= 1472 else cut(bytes(length + 8), 1480))


@pytest.mark.parametrize("length", [1472, 1473, 20000, 65507])
def test_echo_request_of_any_length(wire, length):
    wire.send_cut(ICMP_NUMBER, icmp(8, 0, 0x4321, LONG[:length]), 1480, length % 1000)
    answer = wire.receive(lambda packet: packet.kind == "icmp")
    assert (answer.type, answer.rest, answer.payload) == (0, 0x4321, LONG[:length])
    assert not answer.whole and answer.pieces == ([] if length <= 1472 else cut(bytes(length + 8), 1480))


def test_many_long_datagrams_at_once(guest, wire):
    """What there is no room for is lost, and nothing else; the next one comes through."""
    for number in range(50):
        wire.send_cut(UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, DISCARD, LONG[:60000]), 1480, number)
        wire.send_cut(ICMP_NUMBER, icmp(8, 0, number, LONG[:60000]), 1480, number)
        wire.ping()
    wire.settle()
    wire.drain()
    wire.send_cut(UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, ECHO, LONG[:65507]), 1480, 99)
    assert echoed(wire) == LONG[:65507]


def test_ids_are_no_counter_for_everybody(wire):
    """RFC 6864: they differ from datagram to datagram; nobody learns from his own how much others get."""
    idents = []
    for number in range(20):
        wire.send_udp(6000, ECHO, b"x")
        idents.append(wire.receive(lambda packet: packet.kind == "udp").ident)
    assert len(set(idents)) == 20


# ---- What is wrong in itself ----

def malformed(wire):
    """(frame, the counter that it must move) of every kind."""
    def ip(number, payload, **fields):
        source, target = fields.pop("source", wire.ip), fields.pop("target", wire.guest_ip)
        return ethernet(wire.guest_mac, wire.mac, IPV4_TYPE, ipv4(source, target, number, payload, **fields))

    def datagram(**fields):
        return ip(UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, ECHO, b"data", **fields))

    def segment(**fields):
        return ip(TCP_NUMBER, tcp(wire.ip, wire.guest_ip, 6000, ECHO, 1, 0, SYN, **fields))

    good_arp = arp(1, wire.mac, wire.ip, bytes(6), wire.guest_ip)
    for length in (1, 5, 13):   # QEMU takes an empty datagram for the end of the wire
        yield bytes(length), "ethernet_short"
    yield ethernet(b"\x02\0\0\0\0\x77", wire.mac, IPV4_TYPE, b""), "ethernet_not_ours"
    yield ethernet(wire.guest_mac, wire.mac, 0x1234, b"x"), "ethernet_unknown_type"
    for length in (0, 1, 8, 27):
        yield ethernet(wire.guest_mac, wire.mac, ARP_TYPE, good_arp[:length]), "arp_malformed"
    for place, value in ((1, 6), (2, 9), (4, 5), (5, 16), (7, 9), (8, 0xff)):
        yield (ethernet(wire.guest_mac, wire.mac, ARP_TYPE, good_arp[:place] + bytes([value]) + good_arp[place + 1:]),
               "arp_malformed")
    yield ethernet(wire.guest_mac, wire.mac, IPV4_TYPE, b""), "ipv4_malformed"
    for fields in ({"version": 6}, {"version": 0}, {"words": 4}, {"words": 0}, {"words": 15}, {"total": 19},
                   {"total": 0}, {"total": 2000}, {"fragment": 0x1fff}):
        yield ip(ICMP_NUMBER, icmp(8, 0, 1), **fields), "ipv4_malformed"
    yield ip(ICMP_NUMBER, icmp(8, 0, 1), sum_error=1), "ipv4_checksum"
    for source in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.9.0.255", "10.9.0.1", "240.0.0.1"):
        yield ip(ICMP_NUMBER, icmp(8, 0, 1), source=address(source)), "ipv4_bad_source"
    for target in ("10.9.0.77", "127.0.0.1", "192.0.2.1"):
        yield ip(ICMP_NUMBER, icmp(8, 0, 1), target=address(target)), "ipv4_not_ours"
    for length in (0, 1, 7):
        yield ip(ICMP_NUMBER, icmp(8, 0, 1)[:length]), "icmp_malformed"
    yield ip(ICMP_NUMBER, icmp(3, 3, 0, b"\x45\0\0")), "icmp_malformed"
    yield ip(ICMP_NUMBER, icmp(8, 0, 1, sum_error=0x100)), "icmp_checksum"
    for fields in ({"length": 0}, {"length": 7}, {"length": 2000}):
        yield datagram(**fields), "udp_malformed"
    for length in (0, 7):
        yield ip(UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, ECHO, b"data")[:length]), "udp_malformed"
    yield datagram(sum_error=1), "udp_checksum"
    for fields in ({"words": 0}, {"words": 4}, {"words": 15}, {"options": b"\x02\0\0\0"}, {"options": b"\x03\x09\0\0"}):
        yield segment(**fields), "tcp_malformed"
    for length in (0, 1, 19):
        yield (ip(TCP_NUMBER, tcp(wire.ip, wire.guest_ip, 6000, ECHO, 1, 0, SYN)[:length])), "tcp_malformed"
    yield segment(sum_error=0x8000), "tcp_checksum"


def test_malformed_frames_are_counted(guest, wire):
    frames = list(malformed(wire))
    expected = {}
    for _, name in frames:
        expected[name] = expected.get(name, 0) + 1
    before = counters(guest)
    wire.drain()
    for frame, _ in frames:
        wire.send(frame)
    assert [packet for packet in wire.settle() if packet.kind != "arp"] == [], "none is answered"
    after = counters(guest)
    assert {name: after[name] - before[name] for name in expected} == expected


def test_good_frames_cut_anywhere(guest, wire):
    """Every length of a good segment, datagram, echo and ARP request: harmless."""
    whole = [
        ethernet(wire.guest_mac, wire.mac, ARP_TYPE, arp(1, wire.mac, wire.ip, bytes(6), wire.guest_ip)),
        *(ethernet(wire.guest_mac, wire.mac, IPV4_TYPE, ipv4(wire.ip, wire.guest_ip, number, payload))
          for number, payload in (
              (TCP_NUMBER, tcp(wire.ip, wire.guest_ip, 6000, CLOSED, 1, 0, SYN, options=EVERY_OPTION)),
              (UDP_NUMBER, udp(wire.ip, wire.guest_ip, 6000, ECHO, b"data")), (ICMP_NUMBER, icmp(8, 0, 1, b"data"))))]
    before = counters(guest)
    sent = 0
    for frame in whole:
        for length in range(1, len(frame)):
            wire.send(frame[:length])
            sent += 1
            if sent % 50 == 0:
                wire.ping()
    wire.ping()
    assert counters(guest)["frames_in"] >= before["frames_in"] + sent - 4


def test_segments_to_groups_are_ignored(wire):
    """RFC 9293 MUST-57."""
    for target, to in (("10.9.0.255", b"\xff" * 6), ("224.0.0.1", b"\x01\0\x5e\0\0\x01"), ("10.9.0.1", b"\xff" * 6)):
        segment = tcp(wire.ip, address(target), 6001, CLOSED, 1, 0, SYN)
        wire.send_ipv4(TCP_NUMBER, segment, target=address(target), to=to)
    assert not [packet for packet in wire.settle() if packet.kind == "tcp"]
