"""The other end of the wire, frame by frame: builds and reads Ethernet, ARP, IPv4, ICMP, UDP and TCP.

A Wire is a UDP socket that QEMU's `dgram` network device sends its frames to. What comes from the guest is checked as
it is read: lengths and sums must be right. Whoever builds a frame may spell any field, also wrongly.
"""
import dataclasses
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
ECT, CE = 2, 3                  # ECN bits of the TOS
BROADCAST = b"\xff" * 6
ARP_TYPE, IPV4_TYPE = 0x0806, 0x0800
ICMP_NUMBER, IGMP_NUMBER, TCP_NUMBER, UDP_NUMBER = 1, 2, 6, 17
WRAP = 1 << 32
LIMIT = 60                      # seconds: ends a test that hangs; measures nothing


def address(text):
    return socket.inet_aton(text)


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(source, target, number, length):
    return source + target + struct.pack("!BBH", 0, number, length)


def ethernet(target, source, kind, payload):
    return target + source + struct.pack("!H", kind) + payload


def arp(operation, sender, sender_ip, target, target_ip):
    return struct.pack("!HHBBH", 1, IPV4_TYPE, 6, 4, operation) + sender + sender_ip + target + target_ip


def ipv4(source, target, number, payload, *, version=4, words=None, total=None, ident=1, fragment=0, ttl=64,
         tos=0, options=b"", sum_error=0):
    """`words`, `total`: the length fields, if they are to be wrong; `fragment`: flags and offset as they stand."""
    words = 5 + len(options) // 4 if words is None else words
    total = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH", version << 4 | words, tos, total, ident, fragment, ttl, number, 0)
    head += source + target + options
    return head[:10] + struct.pack("!H", checksum(head) ^ sum_error) + head[12:] + payload


def icmp(kind, code, rest, payload=b"", sum_error=0):
    body = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return body[:2] + struct.pack("!H", checksum(body) ^ sum_error) + body[4:]


def udp(source, target, source_port, target_port, payload, *, length=None, sum_error=0, with_sum=True):
    length = 8 + len(payload) if length is None else length
    body = struct.pack("!HHHH", source_port, target_port, length, 0) + payload
    value = checksum(pseudo(source, target, UDP_NUMBER, len(body)) + body) or 0xffff
    return body[:6] + struct.pack("!H", (value ^ sum_error) if with_sum else 0) + body[8:]


def tcp(source, target, source_port, target_port, seq, ack, flags, *, window=65535, options=b"", payload=b"",
        words=None, urgent=0, sum_error=0):
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4 if words is None else words
    body = struct.pack("!HHIIBBHHH", source_port, target_port, seq % WRAP, ack % WRAP, words << 4, flags, window, 0,
                       urgent) + options + payload
    value = checksum(pseudo(source, target, TCP_NUMBER, len(body)) + body)
    return body[:16] + struct.pack("!H", value ^ sum_error) + body[18:]


MSS = struct.pack("!BBH", 2, 4, 1460)
EVERY_OPTION = MSS + b"\x04\x02" + struct.pack("!BBII", 8, 10, 1000, 0) + b"\x01" + b"\x03\x03\x07"


def options_of(data):
    """[(kind, body)] of TCP options; NOPs and what follows the end are left out."""
    found = []
    while data and data[0] != 0:
        if data[0] == 1:
            data = data[1:]
            continue
        assert len(data) >= 2 and 2 <= data[1] <= len(data), f"bad option: {data.hex()}"
        found.append((data[0], data[2:data[1]]))
        data = data[data[1]:]
    assert not any(data), "padded with something else than zeros"
    return found


@dataclasses.dataclass
class Packet:
    """A frame that came from the guest. `kind`: "arp", "icmp", "igmp", "udp" or "tcp"; fields that it does not have are 0."""
    kind: str
    source: bytes               # IPv4 addresses
    target: bytes
    to: bytes                   # Ethernet address
    when: float = 0
    tos: int = 0
    ttl: int = 0
    ip_options: bytes = b""
    operation: int = 0          # ARP
    source_port: int = 0
    target_port: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    window: int = 0
    options: bytes = b""
    type: int = 0               # ICMP
    code: int = 0
    rest: int = 0
    payload: bytes = b""
    ident: int = 0              # IPv4
    whole: bool = False         # it must not be cut: DF
    pieces: list = dataclasses.field(default_factory=list)      # if it came in pieces: where they begin and end


def read_tcp(packet, body):
    ports = struct.unpack("!HHIIBBHHH", body[:20])
    packet.source_port, packet.target_port, packet.seq, packet.ack, words, packet.flags, packet.window = ports[:7]
    assert checksum(pseudo(packet.source, packet.target, TCP_NUMBER, len(body)) + body) == 0, "wrong TCP sum"
    assert 5 <= words >> 4 <= len(body) // 4 and words & 15 == 0
    packet.options, packet.payload = body[20:(words >> 4) * 4], body[(words >> 4) * 4:]


def read_udp(packet, body):
    packet.source_port, packet.target_port, length, _ = struct.unpack("!HHHH", body[:8])
    assert length == len(body)
    assert checksum(pseudo(packet.source, packet.target, UDP_NUMBER, length) + body) == 0, "wrong UDP sum"
    packet.payload = body[8:]


def read_icmp(packet, body):
    packet.type, packet.code, _, packet.rest = struct.unpack("!BBHI", body[:8])
    assert checksum(body) == 0, "wrong ICMP sum"
    packet.payload = body[8:]


def read_igmp(packet, body):
    assert checksum(body) == 0, "wrong IGMP sum"
    packet.type, packet.payload = body[0], body


READERS = {ICMP_NUMBER: ("icmp", read_icmp), IGMP_NUMBER: ("igmp", read_igmp), UDP_NUMBER: ("udp", read_udp),
           TCP_NUMBER: ("tcp", read_tcp)}


def put_together(packet, head, parts):
    """The payload of an IPv4 packet. Of a fragment: that of the datagram if this was the last that was missing in `parts`;
    None if others are."""
    total, ident, place = struct.unpack("!HHH", packet[2:8])
    start, more, payload = (place & 0x1fff) * 8, place >> 13 & 1, packet[head:total]
    if not start and not more:
        return payload, []
    assert not place & 0x4000, "a fragment with DF"
    assert not more or payload and len(payload) % 8 == 0, "a piece of odd length"
    pieces = parts.setdefault((ident, packet[9:10] + packet[12:20]), {})
    assert start not in pieces, "the same piece twice"
    pieces[start] = payload, more
    length = max(start + len(data) for start, (data, more) in pieces.items())
    if any(more == (start + len(data) == length) for start, (data, more) in pieces.items()) or \
            sum(len(data) for data, _ in pieces.values()) != length:
        return None, []
    ordered = sorted(pieces.items())
    return b"".join(data for _, (data, _) in ordered), [(start, start + len(data)) for start, (data, _) in ordered]


def parse(frame, parts=None):
    """The Packet in a frame; None for what is neither ARP nor one of ours, or a piece of what is not complete yet."""
    kind, payload = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == ARP_TYPE:
        return Packet("arp", payload[14:18], payload[24:28], frame[:6], operation=payload[7])
    if kind != IPV4_TYPE:
        return None
    total = struct.unpack("!H", payload[2:4])[0]
    head = 24 if payload[9] == IGMP_NUMBER else 20      # the router alert is the only option that there is
    assert payload[0] == 0x40 + head // 4 and head <= total <= len(payload), "wrong IPv4 header"
    assert checksum(payload[:head]) == 0, "wrong IPv4 sum"
    if payload[9] not in READERS:
        return None
    name, read = READERS[payload[9]]
    body, pieces = put_together(payload[:total], head, {} if parts is None else parts)
    if body is None:
        return None
    packet = Packet(name, payload[12:16], payload[16:20], frame[:6], tos=payload[1], ttl=payload[8], ident=struct.unpack("!H", payload[4:6])[0],
                    whole=bool(payload[6] & 0x40), pieces=pieces, ip_options=payload[20:head])
    read(packet, body)
    return packet


class Wire:
    """A station at the guest's network: `ip` with `mac`, towards the guest's `guest_ip` at its card of that number."""

    def __init__(self, ip="10.9.0.2", guest_ip="10.9.0.1", card=0):
        self.ip, self.guest_ip = address(ip), address(guest_ip)
        self.mac, self.guest_mac = b"\x02\0\0\0\0\x02", bytes((0x52, 0x54, 0, 0x12, 0x34, 0x56 + card))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.remote = probe.getsockname()
        self.pings = 0
        self.parts = {}         # fragments of what is not complete yet

    def netdev(self):
        """The -netdev value that leads here."""
        return (f"dgram,local.type=inet,local.host=127.0.0.1,local.port={self.remote[1]},remote.type=inet,"
                f"remote.host=127.0.0.1,remote.port={self.socket.getsockname()[1]}")

    def close(self):
        self.socket.close()

    def send(self, frame):
        self.socket.sendto(frame, self.remote)

    def send_ipv4(self, number, payload, **fields):
        source, target = fields.pop("source", self.ip), fields.pop("target", self.guest_ip)
        self.send(ethernet(fields.pop("to", self.guest_mac), self.mac, IPV4_TYPE,
                           ipv4(source, target, number, payload, **fields)))

    def send_fragment(self, number, payload, start, end, ident, more=None, **fields):
        """Bytes `start` to `end` of a datagram's payload; `start` is a multiple of 8."""
        more = end < len(payload) if more is None else more
        self.send_ipv4(number, payload[start:end], ident=ident, fragment=more << 13 | start // 8, **fields)

    def send_cut(self, number, payload, size, ident, **fields):
        """A datagram in fragments of `size` bytes."""
        for start in range(0, len(payload), size):
            self.send_fragment(number, payload, start, start + size, ident, **fields)

    def send_udp(self, source_port, target_port, payload, **fields):
        self.send_ipv4(UDP_NUMBER, udp(self.ip, self.guest_ip, source_port, target_port, payload, **fields))

    def send_arp(self, operation, sender_ip, target_ip, to=BROADCAST):
        self.send(ethernet(to, self.mac, ARP_TYPE, arp(operation, self.mac, sender_ip, bytes(6), target_ip)))

    def drain(self):
        """Forgets what has come so far."""
        self.parts.clear()
        while self.next(0):
            pass

    def next(self, limit):
        """The next packet, or None; the guest's questions for our hardware address are answered on the way."""
        deadline = time.monotonic() + limit
        while (left := deadline - time.monotonic()) >= 0 or limit == 0:
            self.socket.settimeout(max(left, 0))
            try:
                packet = parse(self.socket.recv(65536), self.parts)
            except (TimeoutError, BlockingIOError):
                return None
            if packet and packet.kind == "arp" and packet.operation == 1 and packet.target == self.ip:
                self.send_arp(2, self.ip, self.guest_ip, self.guest_mac)
            elif packet:
                packet.when = time.monotonic()
                return packet
        return None

    def receive(self, match, limit=LIMIT):
        """The next packet that fits; others are dropped."""
        deadline = time.monotonic() + limit
        while packet := self.next(max(deadline - time.monotonic(), 0.001)):
            if match(packet):
                return packet
        raise AssertionError(f"nothing fitting within {limit} s")

    def ping(self, payload=b"", seen=None, **fields):
        """Waits for the answer to an echo request; packets that come before it are added to `seen`."""
        self.pings += 1
        self.send_ipv4(ICMP_NUMBER, icmp(8, 0, 0x12340000 + self.pings, payload), **fields)

        def is_answer(packet):
            found = packet.kind == "icmp" and packet.type == 0 and packet.rest == 0x12340000 + self.pings
            if seen is not None and not found:
                seen.append(packet)
            return found
        return self.receive(is_answer)

    def settle(self):
        """Everything that the guest sent in answer to what it got so far. It works off its input in order, so that
        what it has to say comes before the answer to a second ping."""
        seen = []
        self.ping(seen=seen)
        self.ping(seen=seen)
        return seen


class Peer:
    """One end of a connection: port `port` of ours with `service` of the guest's. Sequence numbers that callers give
    and get are relative: 0 is the SYN, 1 the first byte."""
    ports = iter(range(20000, 60000))

    def __init__(self, wire, service, iss=1_000_000, port=None, window=65535):
        self.wire, self.service, self.iss = wire, service, iss
        self.port = next(self.ports) if port is None else port
        self.window = window
        self.sent = 0           # the next byte to be sent
        self.their_iss = 0
        self.taken = 0          # the next byte to come
        self.edge = 0           # the right edge of the guest's window, as far as it has told
        self.shift = 0

    def send(self, flags, payload=b"", seq=None, ack=None, tos=0, **fields):
        """Without seq and ack: what is next. Only a segment at the next place moves that on."""
        place = self.sent if seq is None else seq
        ack = self.taken if ack is None else ack
        fields.setdefault("window", self.window)
        self.wire.send_ipv4(TCP_NUMBER, tcp(
            self.wire.ip, self.wire.guest_ip, self.port, self.service, self.iss + place,
            self.their_iss + ack if flags & ACK else 0, flags, payload=payload, **fields), tos=tos)
        if seq is None and not flags & RST:
            self.sent += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def is_mine(self, packet):
        return (packet.kind, packet.source_port, packet.target_port) == ("tcp", self.service, self.port)

    def relative(self, packet):
        """The same with relative numbers."""
        return dataclasses.replace(packet, seq=(packet.seq - self.their_iss) % WRAP, ack=(packet.ack - self.iss) % WRAP)

    def receive(self, limit=LIMIT):
        """The next segment; the window that it tells of must not take anything back."""
        packet = self.relative(self.wire.receive(self.is_mine, limit))
        if packet.flags & ACK and not packet.flags & (RST | SYN):
            edge = packet.ack + (packet.window << self.shift)
            assert edge >= self.edge, "the window shrinks"
            self.edge = edge
        return packet

    def expect(self, flags, **fields):
        """The next segment has these flags (PSH aside) and fields."""
        packet = self.receive()
        assert packet.flags & ~PSH == flags, packet
        for name, value in fields.items():
            assert getattr(packet, name) == value, f"{name} should be {value}: {packet}"
        return packet

    def settle(self):
        """All segments that are sent at once in answer to what went before."""
        return [self.relative(packet) for packet in self.wire.settle() if self.is_mine(packet)]

    def quiet(self):
        """Nothing is sent in answer."""
        assert self.settle() == []

    def challenged(self, **fields):
        """Nothing but one ACK with these fields is the answer."""
        segments = self.settle()
        assert [s.flags for s in segments] == [ACK] and not segments[0].payload, segments
        for name, value in {"ack": self.sent, "seq": self.taken, **fields}.items():
            assert getattr(segments[0], name) == value, f"{name} should be {value}: {segments[0]}"

    def synchronize(self, limit=LIMIT, options=MSS):
        """Sends SYNs until one is answered; returns the answer. A SYN may be ignored while there is no room."""
        self.sent, self.taken, self.edge = 0, 0, 0
        deadline = time.monotonic() + limit
        while True:
            self.send(SYN, seq=0, options=options)
            try:
                answer = self.wire.receive(self.is_mine, 1)
            except AssertionError:
                assert time.monotonic() < deadline, "no answer to any SYN"
                continue
            self.their_iss, self.sent, self.taken = answer.seq, 1, 1
            answer = self.relative(answer)
            assert answer.flags == SYN | ACK and answer.ack == 1, answer
            self.edge = 1 + answer.window
            return answer

    def connect(self, options=MSS):
        answer = self.synchronize(options=options)
        self.send(ACK)
        return answer

    def read(self, length, acknowledge=True):
        """The next bytes in order; each segment is acknowledged."""
        data = b""
        while len(data) < length:
            segment = self.receive()
            assert not segment.flags & (RST | SYN), segment
            if segment.payload and segment.seq == self.taken:
                data += segment.payload
                self.taken += len(segment.payload)
                if acknowledge:
                    self.send(ACK)
        assert len(data) == length, "more than was asked for"
        return data

    def acknowledged(self, upto=None):
        """Waits until everything (or up to there) is acknowledged; returns that segment."""
        while True:
            segment = self.receive()
            assert not segment.flags & RST and segment.ack <= self.sent, segment
            if segment.ack >= (self.sent if upto is None else upto):
                return segment

    def reset(self):
        """Ends the connection without further ado; what was still on its way is forgotten."""
        self.send(RST | ACK)
        self.wire.settle()

    def close(self):
        """We close first; the guest follows."""
        self.send(FIN | ACK)
        while not (segment := self.receive()).flags & FIN:
            assert not segment.flags & RST, segment
        assert segment.ack == self.sent, "its FIN acknowledges ours"
        self.taken = segment.seq + len(segment.payload) + 1
        self.send(ACK)
        self.quiet()
