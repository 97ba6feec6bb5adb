"""What a stream does while its peer keeps silent, beside this machine's Linux: the same program, and the same peer."""
import re
import time

import linux_end
import pytest
from guest import Guest
from linux_build import compile_for_linux
from linux_wire import LinuxWire
from wire import ACK, FIN, MSS, RST, SYN, Peer, Wire, options_of

pytestmark = pytest.mark.skipif(bool(linux_end.missing()), reason=linux_end.missing())

PORT = 5002
SECOND_BEST = 2.5               # seconds: a busy machine is late, but never early


class Minato:
    def __init__(self, folder):
        self.wire = Wire()
        self.guest = Guest(folder, net=self.wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2")
        self.guest.boot()

    def begin(self, what):
        self.guest.begin(f"stalls {what} 10.9.0.2 {PORT}")

    def finish(self):
        return self.guest.finish().output

    def stop(self):
        self.guest.kill()
        self.wire.close()


class Linux:
    def __init__(self, folder):
        self.program = str(compile_for_linux("stalls", folder))
        self.wire = LinuxWire()

    def begin(self, what):
        self.wire.ask("begin", [self.program, what, "10.9.0.2", str(PORT)])

    def finish(self):
        return self.wire.ask("finish")

    def stop(self):
        self.wire.close()


@pytest.fixture(scope="module", params=[Linux, Minato], ids=["linux", "minato"])
def end(request, tmp_path_factory):
    end = request.param(tmp_path_factory.mktemp("stalls"))
    yield end
    end.stop()


def accept(end, what, options=MSS):
    """Starts the program and takes its connection in; the peer, and its SYN."""
    end.wire.drain()
    end.begin(what)
    syn = end.wire.receive(lambda packet: packet.kind == "tcp" and packet.flags & ~0xc0 == SYN and packet.target_port == PORT)
    peer = Peer(end.wire, syn.source_port, port=PORT)
    peer.their_iss, peer.taken = syn.seq, 1
    peer.send(SYN | ACK, options=options)
    peer.expect(ACK)
    return peer, syn


def ended(end, how, least, most=None):
    """The program says so; the time in seconds."""
    match = re.search(r": (.*) after (\d+) ms", end.finish())
    assert match, "the program says nothing"
    passed = int(match[2]) / 1000
    assert match[1] == how and least <= passed <= (least if most is None else most) + SECOND_BEST, match[0]


def test_user_timeout(end):
    peer, _ = accept(end, "timeout")
    first = peer.expect(ACK, seq=1, payload=bytes(10))
    while peer.wire.next(1.2):
        pass                    # again and again
    ended(end, "ETIMEDOUT", 1.5)
    peer.wire.drain()
    peer.send(ACK, b"late", ack=first.seq)
    assert peer.settle()[-1].flags & RST, "nobody is there any more"


def test_acknowledged_in_time(end):
    """The peer answers just before the time is over: the user has all the time again."""
    peer, _ = accept(end, "timeout")
    peer.expect(ACK, payload=bytes(10))
    time.sleep(1)
    peer.taken += 10
    peer.send(ACK)
    time.sleep(1.5)
    peer.send(FIN | ACK)
    ended(end, "done", 2.5)
    peer.reset()


def test_user_timeout_of_a_shut_window(end):
    """A peer that answers each probe, but takes nothing."""
    peer, _ = accept(end, "timeout")
    segment = peer.expect(ACK, payload=bytes(10))
    peer.window = 0
    peer.send(ACK, seq=peer.sent, ack=segment.seq)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        packet = end.wire.next(0.1)
        if packet and packet.kind == "tcp" and packet.target_port == PORT:
            peer.send(ACK, ack=1)
    ended(end, "ETIMEDOUT", 1.5)
    peer.reset()


@pytest.mark.parametrize("what, least", [("handshake", 1.5), ("syncnt", 3)])
def test_handshake(end, what, least):
    end.wire.drain()
    end.begin(what)
    ended(end, "ETIMEDOUT", least)


def test_close_waits_until_acknowledged(end):
    peer, _ = accept(end, "linger")
    segment = peer.expect(ACK, payload=bytes(10))
    time.sleep(0.7)
    peer.taken += 10 + 1        # its FIN follows the data
    assert segment.flags & FIN or any(s.flags & FIN for s in peer.settle()), "the close has said goodbye"
    peer.send(ACK)
    ended(end, "done", 0.7, 0.7)
    peer.send(FIN | ACK)
    peer.settle()


def test_close_waits_no_longer_than_asked(end):
    peer, _ = accept(end, "linger")
    peer.expect(ACK, payload=bytes(10))
    ended(end, "done", 2)
    peer.taken += 10 + 1        # what was sent still arrives in the background
    peer.send(FIN | ACK)
    peer.settle()
    peer.reset()


def test_close_resets(end):
    peer, _ = accept(end, "reset")
    segments = []
    while not segments or not segments[-1].flags & RST:
        segments.append(peer.receive())
    assert not any(s.flags & FIN for s in segments)
    ended(end, "done", 0)


def test_cork(end):
    """Five writes of 100 bytes leave in one segment."""
    peer, _ = accept(end, "cork")
    assert len(peer.expect(ACK).payload) == 500
    peer.taken += 500
    peer.send(FIN | ACK)
    ended(end, "done", 0)
    peer.reset()


def test_marks(end):
    """TTL and type of service stand in every packet, from the SYN on."""
    peer, syn = accept(end, "marks")
    data = peer.expect(ACK, payload=bytes(10))
    assert [(packet.ttl, packet.tos) for packet in (syn, data)] == [(17, 0xb8)] * 2
    peer.send(RST | ACK, ack=11)
    ended(end, "Connection reset by peer", 0)


def test_segment_size(end):
    """TCP_MAXSEG is what the SYN offers."""
    peer, syn = accept(end, "size")
    assert (2, (700).to_bytes(2, "big")) in options_of(syn.options)
    peer.reset()
    end.finish()
