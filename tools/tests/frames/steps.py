"""What the tests on the wire do again and again."""
import re

from wire import ACK, FIN, MSS, TCP_NUMBER, Peer, ipv4, tcp, udp

ECHO, DISCARD, DAYTIME, CHARGEN, CLOSED = 7, 9, 13, 19, 4444
PATTERN = bytes(n * 7 % 251 for n in range(100_000))
LONG = bytes((n * 7 + n // 255) % 256 for n in range(65_507))


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


def cut(payload, size):
    """Where the pieces of `size` bytes begin and end."""
    return [(start, min(start + size, len(payload))) for start in range(0, len(payload), size)]


def echo_datagram(wire, length, port=6000):
    return udp(wire.ip, wire.guest_ip, port, ECHO, PATTERN[:length])


def echoed(wire, port=6000):
    return wire.receive(lambda packet: packet.kind == "udp" and packet.target_port == port).payload


def quote(peer, place):
    """The start of a segment that the guest may have sent."""
    wire = peer.wire
    segment = tcp(wire.guest_ip, wire.ip, peer.service, peer.port, peer.their_iss + place, 0, ACK)
    return ipv4(wire.guest_ip, wire.ip, TCP_NUMBER, segment[:8], total=1500)


def check_doubling(times):
    """RFC 6298: at least 200 ms here, then twice as long each time; a busy machine may be late."""
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert gaps[0] > 0.15, gaps
    assert all(1.3 < later / earlier < 4 for earlier, later in zip(gaps, gaps[1:])), gaps
