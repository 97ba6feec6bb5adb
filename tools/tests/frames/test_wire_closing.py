"""How TCP connections end, frame by frame, and what does not end them."""
import pytest
from steps import CHARGEN, CLOSED, DAYTIME, ECHO, PATTERN, connected, cut, echo_datagram, quote, still_works, take_fin
from wire import ACK, FIN, ICMP_NUMBER, MSS, RST, SYN, UDP_NUMBER, WRAP, Peer, address, icmp, ipv4, udp

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
