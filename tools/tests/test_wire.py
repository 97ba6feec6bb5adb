"""The running system against a peer that is played frame by frame: ARP, IPv4, ICMP, UDP and TCP on the wire."""
import random
import re
import struct
import time

import pytest
from guest import Guest
from wire import (ACK, ARP_TYPE, CE, CWR, ECE, ECT, EVERY_OPTION, FIN, ICMP_NUMBER, IPV4_TYPE, MSS, RST, SYN, TCP_NUMBER, UDP_NUMBER, URG,
                  WRAP, Peer, Wire, address, arp, ethernet, icmp, ipv4, options_of, tcp, udp)

ECHO, DISCARD, DAYTIME, CHARGEN, CLOSED = 7, 9, 13, 19, 4444
PATTERN = bytes(n * 7 % 251 for n in range(100_000))
LONG = bytes((n * 7 + n // 255) % 256 for n in range(65_507))


def grow(wire):
    """Lets every service use what memory it will ever use."""
    for service in (ECHO, DISCARD, DAYTIME, CHARGEN):
        wire.send_udp(6000, service, PATTERN[:1472])
        peer = Peer(wire, service)
        peer.connect()
        if service in (ECHO, DISCARD):
            peer.send(ACK, PATTERN[:1400])
        peer.receive()
        peer.reset()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine at the other end of a wire, with the small services up."""
    wire = Wire()
    guest = Guest(tmp_path_factory.mktemp("wire"), net=wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2")
    try:
        guest.boot()
        guest.start_services()
        grow(wire)
        guest.wire, guest.before, guest.usage_before = wire, guest.resources(), usage(guest)
        yield guest
    finally:
        guest.kill()
        wire.close()


@pytest.fixture
def guest(machine):
    """The machine; after the test it holds no more than before."""
    machine.wire.drain()
    yield machine
    machine.settles_to(machine.before)


@pytest.fixture
def wire(guest):
    return guest.wire


@pytest.fixture
def stranger(wire, monkeypatch):
    """A host that the guest has not heard of yet: what it learns of the path there is not the other tests' concern."""
    stranger.last = getattr(stranger, "last", 100) + 1
    monkeypatch.setattr(wire, "ip", address(f"10.9.0.{stranger.last}"))
    return wire


def counters(guest):
    """What netstat -s shows, as numbers."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) +(\d+)$", guest.ok("netstat -s"), re.M)}


def usage(guest):
    """What netstat -m shows of what is in use."""
    return [line for line in guest.ok("netstat -m").splitlines() if "peak" not in line and "neighbours" not in line]


def connected(wire, service=ECHO, options=MSS, **fields):
    peer = Peer(wire, service, **fields)
    peer.connect(options)
    return peer


def fill(peer):
    """Sends to the echo service until all buffers are full, since it cannot get rid of what it reads; returns that."""
    data = b""
    while peer.edge > peer.sent:
        piece = PATTERN[len(data) % 1000:][:min(1400, peer.edge - peer.sent)]
        peer.send(ACK, piece)
        peer.acknowledged()
        data += piece
    return data


def take_fin(peer):
    """Waits for the guest's FIN and acknowledges it."""
    while not (segment := peer.receive()).flags & FIN:
        pass
    assert segment.seq + len(segment.payload) == peer.taken
    peer.taken += 1
    peer.send(ACK)
    peer.quiet()
    return segment


def still_works(peer):
    """The connection is alive and at the place where it was."""
    peer.send(ACK, b"still there?")
    assert peer.read(12) == b"still there?"
    peer.close()


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

def cut(payload, size):
    """Where the pieces of `size` bytes begin and end."""
    return [(start, min(start + size, len(payload))) for start in range(0, len(payload), size)]


def echo_datagram(wire, length, port=6000):
    return udp(wire.ip, wire.guest_ip, port, ECHO, PATTERN[:length])


def echoed(wire, port=6000):
    return wire.receive(lambda packet: packet.kind == "udp" and packet.target_port == port).payload


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


# ---- Opening ----

def test_handshake(wire):
    peer = Peer(wire, ECHO)
    answer = peer.connect()
    assert options_of(answer.options) == [(2, struct.pack("!H", 1460))], "nothing that was not offered"
    still_works(peer)


def test_options_in_the_order_of_linux(wire):
    peer = Peer(wire, ECHO)
    kinds = [kind for kind, _ in options_of(peer.synchronize(options=EVERY_OPTION).options)]
    assert kinds[0] == 2 and 3 in kinds
    assert kinds == [kind for kind in (2, 4, 8, 3) if kind in kinds]
    peer.reset()


@pytest.mark.parametrize("options", [b"", b"\x01\x01\x01\x01", b"\xfd\x08\x12\x34\x56\x78\x9a\xbc" + MSS, MSS + b"\0\xff"],
                         ids=["none", "nops", "unknown", "behind-the-end"])
def test_any_options(wire, options):
    peer = connected(wire, options=options)
    still_works(peer)


@pytest.mark.parametrize("options", [b"\x02\x00\0\0", b"\x02\x01\0\0", b"\x02\x20\0\0", b"\x01\x01\x01\x02"],
                         ids=["zero", "one", "too-long", "cut-off"])
def test_illegal_option_length(guest, wire, options):
    before = counters(guest)
    peer = Peer(wire, ECHO)
    peer.send(SYN, seq=0, options=options)
    peer.quiet()
    assert counters(guest)["tcp_malformed"] == before["tcp_malformed"] + 1


def test_default_segment_size(wire):
    """RFC 9293 MUST-15: without the option nothing longer than 536."""
    peer = connected(wire, CHARGEN, options=b"")
    assert max(len(peer.receive().payload) for _ in range(5)) <= 536
    peer.reset()


def test_offered_segment_size_is_kept(wire):
    peer = connected(wire, CHARGEN, options=struct.pack("!BBH", 2, 4, 700))
    assert max(len(peer.receive().payload) for _ in range(5)) == 700
    peer.reset()


def test_syn_again_is_answered_again(wire):
    peer = Peer(wire, ECHO)
    peer.synchronize()
    peer.send(SYN, seq=0, options=MSS)
    peer.expect(SYN | ACK, seq=0, ack=1)
    peer.send(ACK)
    still_works(peer)


def test_initial_numbers_are_hard_to_guess(wire):
    """RFC 6528: another port, another place; the same again, a later one."""
    first, second = Peer(wire, ECHO), Peer(wire, ECHO)
    for peer in (first, second):
        peer.synchronize()
        peer.reset()
    assert abs(first.their_iss - second.their_iss) > 100_000
    old = first.their_iss
    first.synchronize()
    assert 0 < (first.their_iss - old) % WRAP < WRAP // 2
    first.reset()


def paced(wire, peers):
    """All of them; now and then with time for the guest, so that nothing is lost on the way to it."""
    for number, peer in enumerate(peers):
        if number % 50 == 0:
            wire.ping()
        yield peer


def test_syn_flood(guest, wire):
    """Half-open connections are bounded, and whoever is serious comes through, by a cookie (RFC 4987 3.6)."""
    before = counters(guest)
    flood = [Peer(wire, ECHO, iss=n * 7919) for n in range(1000)]
    for peer in paced(wire, flood):
        peer.send(SYN, options=MSS)
    assert len(re.findall(r"SYN-RECEIVED", guest.ok("netstat"))) < 200
    peer = Peer(wire, ECHO)
    offered = dict(options_of(peer.synchronize(options=EVERY_OPTION).options))
    stamp, peer.shift = struct.unpack("!I", offered[8][:4])[0], offered[3][0]
    peer.send(ACK, options=struct.pack("!BBBBII", 1, 1, 8, 10, 1001, stamp))
    peer.send(ACK, b"by cookie", options=struct.pack("!BBBBII", 1, 1, 8, 10, 1002, stamp))
    assert peer.read(9, acknowledge=False) == b"by cookie"
    after = counters(guest)
    assert after["tcp_cookies_received"] == before["tcp_cookies_received"] + 1
    assert after["tcp_cookies_sent"] > before["tcp_cookies_sent"] + 500
    forged = Peer(wire, ECHO)
    forged.send(ACK, seq=1, ack=5000)
    forged.expect(RST, seq=5000)
    assert counters(guest)["tcp_cookies_failed"] == after["tcp_cookies_failed"] + 1
    peer.reset()
    for peer in paced(wire, flood):
        peer.send(RST, seq=1)
    wire.ping()


# ---- Resets: RFC 9293 3.5.2, 3.10.7; RFC 5961 ----

@pytest.mark.parametrize("flags, payload, expected", [
    (SYN, b"", (RST | ACK, 0, 1)), (SYN, b"data", (RST | ACK, 0, 5)), (FIN, b"", (RST | ACK, 0, 1)),
    (0, b"data", (RST | ACK, 0, 4)), (ACK, b"", (RST, 5000, None)), (SYN | ACK, b"", (RST, 5000, None)),
    (FIN | ACK, b"data", (RST, 5000, None))],
    ids=["syn", "syn-data", "fin", "data", "ack", "syn-ack", "fin-ack"])
def test_closed_port_resets(wire, flags, payload, expected):
    peer = Peer(wire, CLOSED)
    peer.send(flags, payload, seq=0, ack=5000)
    kind, seq, ack = expected
    answer = peer.expect(kind, seq=seq, payload=b"")
    assert ack is None or answer.ack == ack
    peer.quiet()


@pytest.mark.parametrize("service", [CLOSED, ECHO], ids=["closed", "listening"])
def test_reset_to_nobody_is_silent(wire, service):
    peer = Peer(wire, service)
    peer.send(RST, seq=0)
    peer.send(RST | ACK, seq=0, ack=5000)
    peer.quiet()


@pytest.mark.parametrize("flags", [ACK, SYN | ACK, FIN | ACK], ids=["ack", "syn-ack", "fin-ack"])
def test_listener_resets_what_acknowledges(wire, flags):
    peer = Peer(wire, ECHO)
    peer.send(flags, seq=0, ack=5000)
    peer.expect(RST, seq=5000)
    peer.quiet()


@pytest.mark.parametrize("flags", [FIN, 0, URG], ids=["fin", "none", "urg"])
def test_listener_ignores_the_rest(wire, flags):
    peer = Peer(wire, ECHO)
    peer.send(flags, b"data", seq=0)
    peer.quiet()


def test_wrong_ack_while_half_open(wire):
    peer = Peer(wire, ECHO)
    peer.synchronize()
    peer.send(ACK, ack=5000)
    peer.expect(RST, seq=5000)
    peer.send(ACK)
    still_works(peer)


def test_reset_while_half_open(wire):
    peer = Peer(wire, ECHO)
    peer.synchronize()
    peer.send(RST)
    peer.send(ACK)
    peer.expect(RST, seq=1)


def test_syn_while_half_open(wire):
    """RFC 9293 3.10.7.4, fourth: another SYN inside the window returns a passive open to LISTEN."""
    peer = Peer(wire, ECHO)
    peer.synchronize()
    peer.send(SYN, seq=100, options=MSS)
    peer.settle()
    peer.synchronize()
    peer.send(ACK)
    still_works(peer)


def test_exact_reset_closes(wire):
    peer = connected(wire)
    peer.send(RST)
    peer.quiet()
    peer.send(ACK, b"too late")
    peer.expect(RST, seq=1)


def test_reset_counts_with_a_shut_window(wire):
    """RFC 9293 MUST-66."""
    peer = connected(wire, window=0)
    fill(peer)
    peer.send(RST)
    peer.quiet()
    peer.send(ACK)
    peer.expect(RST, seq=1)


@pytest.mark.parametrize("distance", [1, 1000, 20000])
def test_inexact_reset_is_challenged(wire, distance):
    peer = connected(wire)
    peer.send(RST, seq=peer.sent + distance)
    peer.challenged()
    still_works(peer)


@pytest.mark.parametrize("distance", [-1, -1000, 1 << 20, 1 << 31])
def test_reset_out_of_window_is_ignored(wire, distance):
    peer = connected(wire)
    peer.send(RST, seq=peer.sent + distance)
    peer.quiet()
    still_works(peer)


@pytest.mark.parametrize("place", [0, 1, 500, -5000, 1 << 24])
def test_syn_in_established_is_challenged(wire, place):
    peer = connected(wire)
    peer.send(SYN, seq=place)
    peer.challenged()
    still_works(peer)


def test_ack_of_what_was_not_sent(guest, wire):
    peer = connected(wire)
    before = counters(guest)
    peer.send(ACK, b"forged", ack=peer.taken + 1000, seq=peer.sent)
    peer.challenged()
    peer.send(RST, seq=peer.sent + 10)
    peer.quiet()                # RFC 5961 7: at most two answers a second
    time.sleep(1)
    peer.send(ACK, b"forged", ack=peer.taken - 1_000_000, seq=peer.sent)
    peer.challenged()
    still_works(peer)
    assert counters(guest)["tcp_bad_ack"] == before["tcp_bad_ack"] + 2


def test_without_ack_nothing_is_taken(wire):
    peer = connected(wire)
    peer.send(0, b"no ack", seq=peer.sent)
    peer.send(FIN, seq=peer.sent)
    peer.quiet()
    still_works(peer)


# ---- Data ----

def test_data_is_echoed(wire):
    peer = connected(wire)
    for start in range(0, 20_000, 1000):
        peer.send(ACK, PATTERN[start:start + 1000])
        assert peer.read(1000) == PATTERN[start:start + 1000]
    peer.close()


@pytest.mark.parametrize("iss", [WRAP - 1, WRAP - 2, WRAP - 700, WRAP // 2 - 700, 0])
def test_sequence_numbers_wrap(wire, iss):
    peer = connected(wire, iss=iss)
    for start in range(0, 3000, 300):
        peer.send(ACK, PATTERN[start:start + 300])
        assert peer.read(300) == PATTERN[start:start + 300]
    peer.close()


def test_trailing_bytes_of_the_frame_are_no_data(wire):
    peer = connected(wire)
    segment = tcp(wire.ip, wire.guest_ip, peer.port, ECHO, peer.iss + 1, peer.their_iss + 1, ACK, payload=b"data")
    packet = ipv4(wire.ip, wire.guest_ip, TCP_NUMBER, segment)
    wire.send(ethernet(wire.guest_mac, wire.mac, IPV4_TYPE, packet + b"padding"))
    peer.sent += 4
    assert peer.read(4) == b"data"
    still_works(peer)


@pytest.mark.parametrize("place, length", [(-10, 10), (-10, 5), (1 << 20, 10), (1 << 31, 1)],
                         ids=["old", "older", "beyond", "far"])
def test_out_of_window_is_acknowledged(wire, place, length):
    peer = connected(wire)
    peer.send(ACK, b"0123456789")
    assert peer.read(10) == b"0123456789"
    peer.settle()
    peer.send(ACK, bytes(length), seq=peer.sent + place)
    peer.challenged()
    still_works(peer)


# Pieces of 10,000 bytes as (start, length), in the order in which they are sent.
ORDERS = {
    "backwards": [(start, 1000) for start in range(9000, -1, -1000)],
    "every-other": [(start, 500) for start in (*range(500, 10_000, 1000), *range(0, 10_000, 1000))],
    "overlapping": [(4000, 1400), (5000, 1400), (6000, 1400), (3500, 1000), (7000, 1400), (8200, 1400), (9000, 1000),
                    (0, 1400), (1000, 1400), (2000, 1460), (3300, 400)],
    "covered": [(5000, 100), (4900, 300), (4000, 1400), (8000, 10), (7990, 1400), (5400, 1400), (6700, 1400),
                (9300, 700), (0, 1400), (1300, 1400), (2600, 1400)],
    "doubled": [(start, 1000) for start in range(0, 10_000, 1000) for _ in range(2)],
    "retold": [(2000, 1000), (1000, 1000), (2000, 1000), (3000, 1000), (500, 1460), (0, 1000), *(
        (start, 1000) for start in range(0, 10_000, 1000))],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_pieces_in_any_order(wire, order):
    peer = connected(wire, iss=WRAP - 4000)
    for start, length in order:
        peer.send(ACK, PATTERN[start:start + length], seq=1 + start)
    peer.sent = 10_001
    assert peer.read(10_000) == PATTERN[:10_000]
    peer.close()


def test_out_of_order_is_acknowledged_at_once(wire):
    """RFC 5681 4.2: each such segment by itself, so that the sender can count."""
    peer = connected(wire)
    for start in (1000, 2000, 3000):
        peer.send(ACK, bytes(1000), seq=1 + start)
    acks = [segment.ack for segment in peer.settle()]
    assert acks == [1, 1, 1]
    peer.send(ACK, bytes(1000), seq=1)
    peer.sent = 4001
    peer.acknowledged()
    peer.read(4000)
    peer.close()


def test_fin_before_its_data(wire):
    """It is taken when that has come."""
    peer = connected(wire)
    peer.send(FIN | ACK, b"world", seq=7)
    peer.send(ACK, b"hello ", seq=1)
    peer.sent = 13
    assert peer.read(11) == b"hello world"
    take_fin(peer)


def test_urgent_data_in_line(wire):
    peer = connected(wire)
    peer.send(ACK | URG, b"urgent", urgent=3)
    assert peer.read(6) == b"urgent"
    peer.close()


def test_delayed_ack_is_bounded(wire):
    """RFC 9293 MUST-40: less than half a second, but a busy machine gets more."""
    peer = connected(wire, DISCARD)
    for _ in range(30):
        sent = time.monotonic()
        peer.send(ACK, b"x")
        assert peer.acknowledged().when - sent < 2
    peer.close()


# ---- ECN: RFC 3168 ----

def agreed(wire, service):
    """A connection that the peer has asked ECN for."""
    peer = Peer(wire, service)
    peer.send(SYN | ECE | CWR, options=MSS)
    answer = wire.receive(peer.is_mine)
    assert (answer.flags, answer.tos) == (SYN | ACK | ECE, 0)
    peer.their_iss, peer.taken = answer.seq, 1
    peer.send(ACK)
    return peer


def test_marks_are_echoed(wire):
    peer = agreed(wire, DISCARD)
    peer.send(ACK, b"marked", tos=CE)
    assert peer.acknowledged().flags == ACK | ECE
    peer.send(ACK, b"not marked", tos=ECT)
    assert peer.acknowledged().flags == ACK | ECE
    peer.send(ACK | CWR, b"reduced", tos=ECT)
    assert peer.acknowledged().flags == ACK
    peer.reset()


def test_marks_reduce_the_window(guest, wire):
    peer = agreed(wire, CHARGEN)
    before = counters(guest)
    seen = []
    while not any(segment.flags & CWR for segment in seen):
        segment = peer.receive()
        assert segment.tos == ECT and segment.payload, "all of it is new"
        peer.taken = segment.seq + len(segment.payload)
        peer.send(ACK if segment.flags & CWR else ACK | ECE)
        seen.append(segment)
    last = peer.receive()
    assert not last.flags & CWR, "said once"
    assert counters(guest)["tcp_marked_windows"] == before["tcp_marked_windows"] + 1
    peer.reset()


@pytest.mark.parametrize("option, flags", [("ecn=0", SYN), ("ecn=1", SYN | ECE | CWR), ("ecn=2", SYN)])
def test_ecn_option(tmp_path, option, flags):
    wire = Wire()
    guest = Guest(tmp_path, net=wire.netdev(), append=f"ip=10.9.0.1/24,gw=10.9.0.2 {option}")
    try:
        guest.boot()
        guest.begin("http http://10.9.0.2/")
        syn = wire.receive(lambda packet: packet.kind == "tcp")
        assert (syn.flags, syn.tos) == (flags, 0)
    finally:
        guest.kill()
        wire.close()


# ---- Windows ----

def test_zero_window_is_probed(wire):
    peer = connected(wire, CHARGEN, window=1000)
    taken = peer.read(1000, acknowledge=False)
    peer.window = 0
    peer.send(ACK)
    probes = []
    while len(probes) < 4:
        segment = peer.receive()
        assert segment.seq in (peer.taken, peer.taken - 1) and len(segment.payload) <= 1, "beyond a shut window"
        probes.append(segment.when)
        peer.send(ACK)
    gaps = [later - earlier for earlier, later in zip(probes, probes[1:])]
    assert gaps[-1] > gaps[0], "probes come ever more slowly"
    peer.window = 65535
    peer.send(ACK)
    taken += peer.receive().payload
    lines = b"".join(bytes(32 + (line + column) % 95 for column in range(72)) + b"\r\n" for line in range(95))
    assert lines.startswith(taken)
    peer.reset()


def test_window_is_not_exceeded(wire):
    peer = connected(wire, CHARGEN, window=3000)
    segments = [segment for segment in (peer.receive(), peer.receive(), *peer.settle()) if segment.payload]
    assert max(segment.seq + len(segment.payload) for segment in segments) <= 3001
    peer.reset()


def test_netstat_tells_of_a_stream(guest, wire):
    """`netstat -e` has, below each connection, what the connection knows of itself."""
    peer = Peer(wire, DISCARD)
    peer.connect()
    peer.send(ACK, bytes(10))
    peer.acknowledged()
    lines = guest.ok("netstat -e").splitlines()
    place = next(n for n, line in enumerate(lines) if f":{peer.port} " in line)
    told = " ".join(lines[place + 1:place + 4])
    for word in ("open", "mss:1460", "bytes_received:10", "bytes_sent:0", "segs_in:2", "cwnd:10", "delivered:", "busy:0ms"):
        assert f" {word}" in told, f"{word} is not in: {told}"
    peer.reset()


def test_our_window_shuts_and_opens(wire):
    """All that the guest has taken comes back when we open ours."""
    peer = connected(wire, window=0)
    data = fill(peer)
    shut = peer.sent
    peer.send(ACK, b"!", seq=shut)
    probed = peer.settle()
    assert [(s.ack, s.window) for s in probed if not s.payload] == [(shut, 0)], "a probe is answered, not taken"
    peer.window = 65535
    peer.send(ACK)
    assert peer.read(shut - 1) == data
    peer.close()


# ---- Loss ----

def check_doubling(times):
    """RFC 6298: at least 200 ms here, then twice as long each time; a busy machine may be late."""
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert gaps[0] > 0.15, gaps
    assert all(1.3 < later / earlier < 4 for earlier, later in zip(gaps, gaps[1:])), gaps


def test_data_is_sent_again(guest, wire):
    peer = connected(wire)
    peer.send(ACK, b"lost")
    before = counters(guest)
    times = []
    while len(times) < 5:
        segment = peer.receive()
        if segment.payload:
            assert (segment.seq, segment.payload) == (1, b"lost")
            times.append(segment.when)
    check_doubling(times[1:])
    assert peer.read(4) == b"lost"
    assert counters(guest)["tcp_retransmits"] >= before["tcp_retransmits"] + 4
    still_works(peer)


def test_syn_ack_is_sent_again(wire):
    peer = Peer(wire, ECHO)
    first = peer.synchronize()
    times = [first.when, *(peer.expect(SYN | ACK, seq=0, ack=1).when for _ in range(2))]
    assert times[1] - times[0] > 0.8, "RFC 6298 2.1: one second at first"
    check_doubling(times)
    peer.send(ACK)
    still_works(peer)


def test_fin_is_sent_again(wire):
    peer = connected(wire)
    peer.send(FIN | ACK)
    times = []
    while len(times) < 4:
        segment = peer.receive()
        if segment.flags & FIN:
            assert segment.seq == 1
            times.append(segment.when)
    check_doubling(times)
    peer.taken = 2
    peer.send(ACK)
    peer.quiet()


def test_three_duplicates_bring_the_lost_one(wire):
    """RFC 5681 3.2: long before the timeout."""
    peer = connected(wire, CHARGEN)
    segments = [peer.receive() for _ in range(8)]
    assert segments[0].seq == 1
    for _ in range(3):
        peer.send(ACK, ack=1)
    while (again := peer.receive()).seq != 1:
        pass
    assert again.payload[:len(segments[0].payload)] == segments[0].payload[:len(again.payload)]
    peer.reset()


# ---- SACK ----

WITH_SACK = MSS + b"\x04\x02"


def blocks_of(peer, segment):
    """The SACK blocks of a segment, relative to what we sent."""
    body = dict(options_of(segment.options)).get(5, b"")
    edges = [(edge - peer.iss) % WRAP for edge in struct.unpack(f"!{len(body) // 4}I", body)]
    return list(zip(edges[::2], edges[1::2]))


def sack(peer, *blocks):
    """The option that tells the guest of these blocks of what it sent."""
    edges = [(peer.their_iss + edge) % WRAP for block in blocks for edge in block]
    return b"\x01\x01" + struct.pack(f"!BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges)


def test_blocks_tell_what_has_arrived(wire):
    """RFC 2018 4: the newest first; RFC 2883: a duplicate before all of them, once."""
    peer = connected(wire, options=WITH_SACK)
    data = PATTERN[:1000]
    for place, blocks in ((200, [(201, 301)]), (600, [(601, 701), (201, 301)]),
                          (400, [(401, 501), (601, 701), (201, 301)]), (300, [(201, 501), (601, 701)]),
                          (600, [(601, 701), (601, 701), (201, 501)]), (800, [(801, 901), (601, 701), (201, 501)])):
        peer.send(ACK, data[place:place + 100], seq=1 + place)
        assert blocks_of(peer, peer.expect(ACK, ack=1)) == blocks
    peer.sent = 1001
    peer.send(ACK, data[:200], seq=1)
    assert blocks_of(peer, peer.acknowledged(501)) == [(801, 901), (601, 701)]
    for place in (500, 700, 900):
        peer.send(ACK, data[place:place + 100], seq=1 + place)
    assert blocks_of(peer, peer.acknowledged()) == []
    assert peer.read(1000) == data
    still_works(peer)


def test_holes_are_sent_again_and_nothing_else(wire):
    """RFC 6675: two holes within one round trip; what has arrived is not sent again."""
    peer = connected(wire, CHARGEN, options=WITH_SACK)
    segments = [peer.receive() for _ in range(8)]
    starts = [s.seq for s in segments] + [segments[-1].seq + len(segments[-1].payload)]
    arrived = [(starts[1], starts[2]), (starts[3], starts[8])]
    peer.send(ACK, ack=1, options=sack(peer, arrived[0]))
    peer.send(ACK, ack=1, options=sack(peer, arrived[1], arrived[0]))
    again, limit = set(), time.monotonic() + 60
    while again != {starts[0], starts[2]}:
        assert time.monotonic() < limit
        segment = peer.receive()
        if segment.seq < starts[8]:
            assert segment.seq in (starts[0], starts[2]), segment
            again.add(segment.seq)
    peer.reset()


def test_false_blocks_change_nothing(guest, wire):
    """Of what was never sent, empty, the wrong way round: counted, and the data is sent again as without them."""
    peer = connected(wire, options=WITH_SACK)
    peer.send(ACK, b"lost")
    while not peer.receive().payload:
        pass
    before = counters(guest)["tcp_bad_sack"]
    for block in ((100, 200), (4, 2), (3, 3), (0x7fffffff, 0x80000010)):
        peer.send(ACK, ack=1, options=sack(peer, (2, 3), block))
    assert peer.read(4) == b"lost"
    assert counters(guest)["tcp_bad_sack"] >= before + 4
    still_works(peer)


# ---- The guest opens the connection ----

RESPONSE = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class Called(Peer):
    """The other end of a connection that the guest's http is opening; `syns` of its SYNs have come."""

    def __init__(self, guest, syns=1):
        super().__init__(guest.wire, None)
        guest.begin(f"http http://10.9.0.2:{self.port}/")
        self.syns = [guest.wire.receive(self.is_syn) for _ in range(syns)]
        self.service, self.their_iss, self.taken = self.syns[0].source_port, self.syns[0].seq, 1

    def is_syn(self, packet):
        return packet.kind == "tcp" and packet.target_port == self.port and packet.flags == SYN

    def answer(self):
        """Takes the request, answers it, and closes."""
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            segment = self.receive()
            if segment.payload and segment.seq == self.taken:
                request += segment.payload
                self.taken += len(segment.payload)
        self.send(FIN | ACK, RESPONSE)
        take_fin(self)


def test_guest_opens(guest):
    """The options of its SYN stand as in Linux: MSS, SACK permitted, timestamps, NOP, window scale."""
    peer = Called(guest)
    assert [kind for kind, _ in options_of(peer.syns[0].options)] == [2, 4, 8, 3]
    assert peer.syns[0].options[16] == 1 and peer.syns[0].ack == 0
    peer.send(SYN | ACK, options=MSS)
    peer.expect(ACK, seq=1, ack=1)
    peer.answer()
    assert guest.finish().status == 0


def test_syn_is_sent_again(guest):
    """RFC 6298 2.1, 5.5: after one second, then twice as long each time; all alike."""
    peer = Called(guest, syns=4)
    assert len({syn.seq for syn in peer.syns}) == 1
    times = [syn.when for syn in peer.syns]
    assert times[1] - times[0] > 0.8
    check_doubling(times)
    peer.send(RST | ACK, seq=0)
    assert guest.finish().status == 7


def test_syn_is_refused(guest):
    """By a RST that acknowledges the SYN, and by no other; a wrong ACK is answered with RST (3.10.7.3)."""
    peer = Called(guest)
    peer.send(RST, seq=0)
    peer.send(RST | ACK, seq=0, ack=2)
    peer.send(ACK, seq=0, ack=1)
    peer.quiet()
    for flags in (ACK, SYN | ACK):
        peer.send(flags, seq=0, ack=7)
        assert [(s.flags, s.seq) for s in peer.settle()] == [(RST, 7)]
    peer.send(RST | ACK, seq=0)
    assert guest.finish().status == 7


def test_both_open_at_once(guest):
    """RFC 9293 3.5, figure 8."""
    peer = Called(guest)
    peer.send(SYN, options=MSS)
    peer.expect(SYN | ACK, seq=0, ack=1)
    peer.send(SYN | ACK, seq=0)
    peer.answer()
    assert guest.finish().status == 0


@pytest.mark.parametrize("code", [0, 1, 3, 13])
def test_unreachable_ends_an_open(guest, code):
    """RFC 5461, as in Linux; a forged report of another sequence number does not (RFC 5927)."""
    peer = Called(guest)
    guest.wire.send_ipv4(ICMP_NUMBER, icmp(3, code, 0, quote(peer, 77)))
    peer.quiet()
    guest.wire.send_ipv4(ICMP_NUMBER, icmp(3, code, 0, quote(peer, 0)))
    assert guest.finish().status == 7


# ---- Closing ----

def test_fin_to_nobody(wire):
    """LISTEN ignores a FIN alone, resets what acknowledges; CLOSED resets."""
    listener, nobody = Peer(wire, ECHO), Peer(wire, CLOSED)
    listener.send(FIN, seq=5)
    listener.quiet()
    listener.send(FIN | ACK, seq=5, ack=9)
    assert [s.flags for s in listener.settle()] == [RST]
    nobody.send(FIN | ACK, seq=5, ack=9)
    assert [s.flags for s in nobody.settle()] == [RST]


def test_fin_while_half_open(wire):
    """SYN-RECEIVED: the ACK that ends the handshake may carry data and FIN."""
    peer = Peer(wire, ECHO)
    peer.synchronize()
    peer.send(FIN | ACK, b"all at once")
    assert peer.read(11) == b"all at once"
    take_fin(peer)


def test_second_fin(wire):
    """CLOSE-WAIT and LAST-ACK: the FIN that comes again is acknowledged again, and nothing else happens."""
    peer = connected(wire, window=0)      # so that the guest cannot send, hence not close
    peer.send(ACK, b"data")
    peer.acknowledged()
    peer.send(FIN | ACK)
    peer.acknowledged()
    peer.send(FIN | ACK, seq=peer.sent - 1)
    peer.acknowledged()
    peer.window = 65535
    peer.send(ACK)
    assert peer.read(4, acknowledge=False) == b"data"
    while not (segment := peer.receive()).flags & FIN:
        pass
    peer.send(FIN | ACK, seq=peer.sent - 1, ack=segment.seq + len(segment.payload))
    peer.acknowledged()
    peer.taken = segment.seq + len(segment.payload) + 1
    peer.send(ACK)
    peer.quiet()


def test_fin_out_of_the_window(wire):
    """It closes nothing."""
    peer = connected(wire)
    peer.send(FIN | ACK, seq=peer.edge + 10)
    peer.challenged()
    still_works(peer)


def test_we_close_first(wire):
    connected(wire).close()


def test_half_closed_still_talks(wire):
    peer = connected(wire)
    peer.send(FIN | ACK, PATTERN[:1400])
    assert peer.read(1400) == PATTERN[:1400]
    segment = take_fin(peer)
    assert (segment.seq, segment.ack) == (1401, 1402)


def until_fin(peer):
    """Reads what daytime says, and its FIN, unacknowledged."""
    data = b""
    while True:
        segment = peer.receive()
        if segment.seq == 1 + len(data):
            data += segment.payload
            if segment.flags & FIN:
                peer.taken = 2 + len(data)
                return data


def time_wait(wire):
    """A connection that the guest has closed first, up to TIME-WAIT."""
    peer = connected(wire, DAYTIME)
    assert until_fin(peer).endswith(b"-UTC\r\n")
    peer.send(FIN | ACK)
    peer.acknowledged()
    return peer


def test_guest_closes_first(wire):
    peer = time_wait(wire)
    peer.send(FIN | ACK, seq=peer.sent - 1)
    peer.challenged()


def test_both_close_at_once(wire):
    peer = connected(wire, DAYTIME)
    until_fin(peer)
    end = peer.taken
    peer.taken = end - 1        # all but its FIN
    peer.send(FIN | ACK)
    peer.acknowledged()
    peer.taken = end
    peer.send(ACK)
    peer.quiet()


def test_data_from_both_sides_of_a_close(wire):
    """FIN-WAIT-2: what still comes is acknowledged."""
    peer = connected(wire, DAYTIME)
    until_fin(peer)
    peer.send(ACK)
    peer.send(ACK, b"thank you")
    peer.acknowledged()
    peer.send(FIN | ACK)
    peer.acknowledged()


def test_time_wait_is_opened_anew(wire):
    peer = time_wait(wire)
    old_end = (peer.their_iss + peer.taken) % WRAP
    peer.send(SYN, seq=peer.sent - 100, options=MSS)
    peer.challenged()           # an old duplicate opens nothing
    peer.iss += 100_000
    peer.synchronize()
    assert 0 < (peer.their_iss - old_end) % WRAP < WRAP // 2, "behind all that was said before"
    peer.send(ACK)
    until_fin(peer)
    peer.send(RST | ACK)


def test_time_wait_ignores_resets(wire):
    """RFC 1337."""
    peer = time_wait(wire)
    peer.send(RST)
    peer.quiet()
    peer.send(FIN | ACK, seq=peer.sent - 1)
    peer.challenged()


# ---- What ICMP says about a connection: RFC 5927 ----

def quote(peer, place):
    """The start of a segment that the guest may have sent."""
    wire = peer.wire
    segment = tcp(wire.guest_ip, wire.ip, peer.service, peer.port, peer.their_iss + place, 0, ACK)
    return ipv4(wire.guest_ip, wire.ip, TCP_NUMBER, segment[:8], total=1500)


@pytest.mark.parametrize("kind, code", [(3, 0), (3, 1), (3, 2), (3, 3), (3, 5), (4, 0), (11, 0), (12, 0)])
def test_errors_do_not_end_a_connection(wire, kind, code):
    peer = connected(wire)
    peer.send(ACK, b"data")
    assert peer.read(4, acknowledge=False) == b"data"
    wire.send_ipv4(ICMP_NUMBER, icmp(kind, code, 0, quote(peer, 1)))
    peer.send(ACK)
    peer.settle()
    still_works(peer)


def longest(peer, count=6):
    return max(len(peer.receive().payload) for _ in range(count))


def test_path_mtu(stranger):
    """What did not fit is sent again in smaller pieces; a forged report changes nothing."""
    wire = stranger
    peer = connected(wire, CHARGEN)
    assert longest(peer) == 1460
    wire.send_ipv4(ICMP_NUMBER, icmp(3, 4, 600, quote(peer, 1_000_000)))
    wire.send_ipv4(ICMP_NUMBER, icmp(3, 4, 1000, quote(peer, 1)))
    peer.settle()
    while (segment := peer.receive()).seq != 1:
        pass
    assert len(segment.payload) == 960
    peer.reset()
    peer = connected(wire, CHARGEN)     # the next one knows already
    assert longest(peer) == 960
    peer.reset()


def sent_packet(wire, answer):
    """An echo that came back, as it was on the wire."""
    return ipv4(wire.guest_ip, wire.ip, UDP_NUMBER,
                udp(wire.guest_ip, wire.ip, ECHO, answer.target_port, answer.payload), fragment=0x4000)


def too_long(wire, mtu, packet):
    wire.send_ipv4(ICMP_NUMBER, icmp(3, 4, mtu, packet[:28]))


def test_path_mtu_of_datagrams(stranger):
    wire = stranger

    def echo(length):
        wire.send_cut(UDP_NUMBER, echo_datagram(wire, length), 1480, length)
        return wire.receive(lambda packet: packet.kind == "udp")

    answer = echo(1472)
    assert answer.whole and not answer.pieces
    packet = sent_packet(wire, answer)
    too_long(wire, 1000, packet[:20] + b"\x11\x11" + packet[22:])             # no such socket
    too_long(wire, 1000, packet[:12] + address("10.9.0.77") + packet[16:])    # not its address
    assert echo(1472).whole, "forgeries change nothing"
    too_long(wire, 1000, packet)
    answer = echo(1472)
    assert not answer.whole and answer.pieces == cut(bytes(1480), 976)
    assert echo(972).whole
    too_long(wire, 1400, packet)
    assert echo(1472).pieces == cut(bytes(1480), 976), "only ever smaller"
    too_long(wire, 68, packet)
    answer = echo(1472)
    assert answer.pieces == cut(bytes(1480), 528), "552 is the least that is believed"
    assert not echo(500).whole, "and then a router may cut"


def test_path_mtu_without_a_size(stranger):
    """A router from before RFC 1191: the plateau below what did not fit."""
    wire = stranger
    wire.send_udp(6000, ECHO, PATTERN[:1472])
    too_long(wire, 0, sent_packet(wire, wire.receive(lambda packet: packet.kind == "udp")))
    wire.send_udp(6000, ECHO, PATTERN[:1472])
    answer = wire.receive(lambda packet: packet.kind == "udp")
    assert answer.pieces == cut(bytes(1480), 1472)                              # 1492


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


# ---- At the end ----

def test_memory_is_as_before(guest):
    """Also what connections in TIME-WAIT hold comes back, after two minutes at the latest."""
    deadline = time.monotonic() + 180
    while (now := usage(guest)) != guest.usage_before:
        assert time.monotonic() < deadline, f"before: {guest.usage_before}\nafter: {now}"
        time.sleep(2)
