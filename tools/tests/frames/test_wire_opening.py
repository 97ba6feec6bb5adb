"""How TCP connections begin, frame by frame, and what resets them (RFC 9293 3.5, 3.10.7, RFC 5961)."""
import re
import struct
import time

import pytest
from steps import CHARGEN, CLOSED, ECHO, check_doubling, connected, counters, fill, quote, still_works, take_fin
from wire import ACK, EVERY_OPTION, FIN, ICMP_NUMBER, MSS, RST, SYN, URG, WRAP, Peer, icmp, options_of

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
