"""Data in a TCP connection, frame by frame: order, windows, ECN, loss, SACK."""
import struct
import time

import pytest
from guest import Guest
from steps import CHARGEN, DISCARD, ECHO, PATTERN, check_doubling, connected, counters, fill, still_works, take_fin
from wire import (ACK, CE, CWR, ECE, ECT, FIN, IPV4_TYPE, MSS, SYN, TCP_NUMBER, URG, WRAP, Peer, Wire, ethernet, ipv4,
                  options_of, tcp)

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
