"""What a segment is answered with in each state, beside what this machine's Linux answers to the same one.

Each case brings a fresh connection into its state, plays one segment, takes what comes back at once, and then asks with
old data whether the connection is still there. Both ends are asked the same; where they differ on purpose, DIFFERENT
says why.
"""
import re
import time

import linux_end
import linux_wire
import pytest
from guest import Guest
from linux_wire import DAYTIME, DISCARD, HOLD
from wire import ACK, CWR, ECE, FIN, MSS, PSH, RST, SYN, URG, WRAP, Peer, Wire

pytestmark = pytest.mark.skipif(bool(linux_end.missing()), reason=linux_end.missing())

CLOSED, OUT = 4444, 5001
FAR = 1 << 30
BIT_NAMES = {SYN: "SYN", FIN: "FIN", RST: "RST", ACK: "ACK", ECE: "ECE", CWR: "CWR"}


# ---- Into each state; what comes later than the state's own segments is only sent again ----

def closed(end):
    return Peer(end.wire, CLOSED)


def listen(end):
    return Peer(end.wire, DISCARD)


def syn_received(end):
    peer = Peer(end.wire, DISCARD)
    peer.synchronize()
    return peer


def established(end, service=HOLD):
    peer = syn_received(end) if service == DISCARD else Peer(end.wire, service)
    if service != DISCARD:
        peer.synchronize()
    peer.send(ACK)
    peer.settle()
    return peer


def close_wait(end):
    """Nobody has accepted it, so nobody closes it."""
    peer = established(end)
    peer.send(FIN | ACK)
    peer.acknowledged()
    return peer


def last_ack(end):
    peer = established(end, DISCARD)
    peer.send(FIN | ACK)
    while not peer.receive().flags & FIN:
        pass
    peer.taken += 1             # sent, not acknowledged
    peer.una = peer.taken - 1
    return peer


def fin_wait_1(end):
    peer = Peer(end.wire, DAYTIME)
    peer.connect()
    fin = False
    while not fin:
        segment = peer.receive()
        fin = bool(segment.flags & FIN)
        peer.taken = segment.seq + len(segment.payload)
        peer.send(ACK)
    peer.una = peer.taken
    peer.taken += 1
    return peer


def fin_wait_2(end):
    peer = fin_wait_1(end)
    peer.una = peer.taken
    peer.send(ACK)
    return peer


def closing(end):
    peer = fin_wait_1(end)
    peer.send(FIN | ACK, ack=peer.una)
    peer.acknowledged()
    return peer


def time_wait(end):
    peer = fin_wait_2(end)
    peer.send(FIN | ACK)
    peer.acknowledged()
    return peer


def syn_sent(end):
    end.connect()
    syn = end.wire.receive(lambda packet: packet.kind == "tcp" and packet.flags == SYN)
    peer = Peer(end.wire, syn.source_port, port=OUT)
    peer.their_iss, peer.taken = syn.seq, 1
    return peer


REACH = {reach.__name__: reach for reach in (
    closed, listen, syn_received, established, close_wait, last_ack, fin_wait_1, fin_wait_2, closing, time_wait, syn_sent)}

# ---- The segments: flags, place behind what was sent, place behind what is acknowledged, text, other fields ----

SEGMENTS = {
    "nothing": (0, 0, 0, b""),
    "data-without-ack": (0, 0, 0, b"data"),
    "push-alone": (PSH, 0, 0, b""),
    "urgent-alone": (URG, 0, 0, b""),
    "fin-alone": (FIN, 0, 0, b""),
    "fin-push-urgent": (FIN | PSH | URG, 0, 0, b""),
    "all-flags": (FIN | SYN | RST | PSH | ACK | URG, 0, 0, b""),
    "rst": (RST, 0, 0, b""),
    "rst-with-data": (RST, 0, 0, b"reason"),
    "rst-next": (RST, 1, 0, b""),
    "rst-before": (RST, -1, 0, b""),
    "rst-in-window": (RST, 1000, 0, b""),
    "rst-beyond": (RST, FAR, 0, b""),
    "rst-ack": (RST | ACK, 0, 0, b""),
    "rst-wrong-ack": (RST | ACK, 0, 1000, b""),
    "rst-ack-next": (RST | ACK, 1, 0, b""),
    "syn": (SYN, 0, 0, b""),
    "syn-before": (SYN, -1, 0, b""),
    "syn-in-window": (SYN, 1000, 0, b""),
    "syn-beyond": (SYN, FAR, 0, b""),
    "syn-old": (SYN, -100000, 0, b""),
    "syn-with-data": (SYN, 0, 0, b"data"),
    "syn-ack": (SYN | ACK, 0, 0, b""),
    "syn-ack-before": (SYN | ACK, -1, 0, b""),
    "syn-ack-wrong": (SYN | ACK, 0, 1000, b""),
    "syn-fin": (SYN | FIN, 0, 0, b""),
    "syn-fin-ack": (SYN | FIN | ACK, 0, 0, b""),
    "syn-rst": (SYN | RST, 0, 0, b""),
    "syn-urgent": (SYN | URG, 0, 0, b""),
    "ack": (ACK, 0, 0, b""),
    "ack-seq-next": (ACK, 1, 0, b""),
    "ack-seq-before": (ACK, -1, 0, b""),
    "ack-seq-beyond": (ACK, FAR, 0, b""),
    "ack-of-next": (ACK, 0, 1, b""),
    "ack-far-ahead": (ACK, 0, FAR, b""),
    "ack-old": (ACK, 0, -1, b""),
    "ack-older": (ACK, 0, -1000, b""),
    "ack-ancient": (ACK, 0, -1000000, b""),
    "ack-urgent": (ACK | URG, 0, 0, b""),
    "data": (ACK, 0, 0, b"data"),
    "data-urgent": (ACK | URG, 0, 0, b"data"),
    "data-gap": (ACK, 10, 0, b"data"),
    "data-old": (ACK, -4, 0, b"data"),
    "data-older": (ACK, -10, 0, b"data"),
    "data-overlapping": (ACK, -2, 0, b"data"),
    "data-beyond": (ACK, FAR, 0, b"data"),
    "data-ack-ahead": (ACK, 0, 1000, b"data"),
    "data-ack-ancient": (ACK, 0, -1000000, b"data"),
    "fin-ack": (FIN | ACK, 0, 0, b""),
    "fin-ack-data": (FIN | ACK, 0, 0, b"data"),
    "fin-ack-gap": (FIN | ACK, 10, 0, b""),
    "fin-ack-before": (FIN | ACK, -1, 0, b""),
    "fin-ack-beyond": (FIN | ACK, FAR, 0, b""),
    "fin-ack-wrong": (FIN | ACK, 0, 1000, b""),
    "xmas-ack": (FIN | PSH | URG | ACK, 0, 0, b""),
    "ecn-nonce": (ACK | ECE | CWR, 0, 0, b""),
}

# Why Minato answers otherwise, by state and segment (regular expressions).
DIFFERENT = {
    r"syn_received:syn(-ack|-fin|-fin-ack|-in-window|-with-data|-urgent)?":
        "RFC 9293 3.10.7.4, fourth: back to LISTEN, silently; Linux resets, so that a client that starts anew fails",
    r"close_wait:data-overlapping": "RFC 9293 3.10.7.4, seventh: text behind a FIN is ignored; Linux resets",
    r"(last_ack|closing):(data-old|fin-ack-before)":
        "RFC 9293 3.4: what ends at RCV.NXT is not acceptable; Linux takes its ACK field",
    r"time_wait:(all-flags|rst|rst-with-data|rst-ack|rst-wrong-ack|syn-rst)":
        "RFC 1337: a RST does not cut TIME-WAIT short; Linux lets it, unless tcp_rfc1337 is set",
}
# The same, but by chance they may be equal.
SOMETIMES = {
    r"(syn_received|established):(fin-ack|fin-ack-data|xmas-ack)":
        "a FIN is acknowledged at once; Linux waits for 40 ms, for its own FIN may follow",
}


# ---- Both ends ----

class End:
    """Somebody to ask."""

    def __init__(self, wire):
        self.wire = wire

    def answers(self, peer):
        """What comes at once, in words. What the end sends again by itself is none: it is older than what was taken."""
        found = []
        for packet in self.wire.settle():
            if not peer.is_mine(packet):
                continue
            seq = (packet.seq - peer.their_iss - peer.taken + WRAP // 2) % WRAP - WRAP // 2
            ack = (packet.ack - peer.iss - peer.sent + WRAP // 2) % WRAP - WRAP // 2
            flags = packet.flags & ~(PSH | URG)
            old = seq < 0 and (packet.payload or flags & FIN) or flags == SYN
            request = peer.port == OUT and packet.payload  # of http, which may be quick
            if not old and not request:
                words = "-".join(name for bit, name in BIT_NAMES.items() if flags & bit)
                words += "" if flags & SYN or (flags & RST and seq not in (0, -peer.taken)) else f" seq{seq:+}"
                found.append(words + (f" ack{ack:+}" if flags & ACK else ""))
        return ", ".join(found) or "silence"

    def play(self, state, flags, place, ack, text):
        """What the segment brings, and whether the connection lives."""
        peer = REACH[state](self)
        self.wire.settle()
        sent = peer.sent
        peer.send(flags, text, seq=sent + place, ack=peer.taken + ack)
        answer = self.answers(peer)
        if state != "syn_sent":
            peer.send(ACK, b"?", seq=sent - 10, ack=getattr(peer, "una", peer.taken))
            answer += "; then " + re.sub(r"[ ,].*", "", self.answers(peer))
        for place in range(-1, 7):
            peer.send(RST | ACK, seq=sent + place)
        self.hang_up()
        return answer

    def connect(self):
        raise NotImplementedError

    def hang_up(self):
        """What connect has begun is over."""


class LinuxEnd(End):
    def __init__(self):
        super().__init__(linux_wire.LinuxWire())
        self.connecting = False

    def connect(self):
        self.wire.ask("connect", "10.9.0.2", OUT)
        self.connecting = True

    def hang_up(self):
        if self.connecting:
            self.wire.ask("hang_up")
            self.connecting = False


class MinatoEnd(End):
    def __init__(self, folder):
        super().__init__(Wire())
        self.guest = Guest(folder, net=self.wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2")
        self.connecting = False

    def boot(self):
        self.guest.boot()
        self.guest.start_services()
        self.guest.start_services(f"-t -c 1 -i 3600 discard={HOLD}", last=f"tcp .*:{HOLD} ")
        self.first = established(self)      # the only one that is accepted
        time.sleep(0.2)

    def connect(self):
        self.guest.begin(f"http http://10.9.0.2:{OUT}/")
        self.connecting = True

    def hang_up(self):
        if self.connecting:
            self.guest.type("\x03")
            self.guest.finish()
            self.connecting = False


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    linux, minato = LinuxEnd(), MinatoEnd(tmp_path_factory.mktemp("minato"))
    try:
        minato.boot()
        yield linux, minato
    finally:
        minato.guest.kill()
        minato.wire.close()
        linux.wire.close()


def is_in(reasons, state, name):
    return any(re.fullmatch(case, f"{state}:{name}") for case in reasons)


@pytest.mark.parametrize("state", REACH)
def test_answers(ends, state):
    linux, minato = ends
    wrong, same = [], []
    for name, segment in SEGMENTS.items():
        expected, got = linux.play(state, *segment), minato.play(state, *segment)
        different = is_in(DIFFERENT, state, name)
        if expected != got and not different and not is_in(SOMETIMES, state, name):
            wrong.append(f"{state}:{name}: Linux {expected}; Minato {got}")
        elif expected == got and different:
            same.append(f"{state}:{name}: no difference any more ({got})")
    assert not wrong + same, "\n".join(wrong + same)
