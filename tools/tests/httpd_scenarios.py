"""What the web server must do, as functions of its address: they are played against the program built for this
machine and against the one in Minato alike. The files of TREE must lie below its root."""
import concurrent.futures
import email.utils
import http.client
import re
import socket
import subprocess
import time

import peers

TREE = {
    "index.html": b"<!doctype html><title>test</title>\n",
    "small.txt": b"0123456789" * 10,
    "zero.txt": b"",
    "middle.bin": peers.pattern(40_000, seed=3),
    "large.bin": peers.pattern(3_000_000, seed=4),
    "style.css": b"body { color: navy }\n",
    "folder/a b&c.txt": b"blank and ampersand\n",
    "folder/deep/file.txt": b"deep\n",
}
TYPES = {"index.html": "text/html; charset=utf-8", "small.txt": "text/plain; charset=utf-8",
         "style.css": "text/css; charset=utf-8", "large.bin": "application/octet-stream"}
LIMIT = 60                  # seconds that anything may take, however slow the machine


class Answer:
    """Status, header fields (names in lower case) and body of a response."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Link:
    """A connection with nothing between the test and the bytes."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def get(self, path, *fields, method="GET"):
        """Sends a request and reads its answer."""
        self.send(request(path, *fields, method=method))
        return self.answer(method)

    def answer(self, method="GET"):
        """Reads one response by its Content-Length; None at the end of the stream."""
        line = self.file.readline()
        if not line:
            return None
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+\r\n", line)
        assert match, line
        fields = {}
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").rstrip("\r\n").partition(": ")
            assert name and name.lower() not in fields, line
            fields[name.lower()] = value
        status = int(match[1])
        wanted = 0 if method == "HEAD" or status == 304 else int(fields["content-length"])
        body = self.file.read(wanted)
        assert len(body) == wanted, f"{len(body)} of {wanted} bytes"
        return Answer(status, fields, body)

    def at_end(self):
        """Whether the server has closed, in order or not."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def request(path, *fields, method="GET"):
    """A request's bytes."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *fields, "", ""]).encode("latin-1")


def ask(address, data):
    """The first answer to these bytes on a connection of their own."""
    with Link(address) as link:
        link.send(data)
        return link.answer()


def quote(name):
    return "/" + name.replace(" ", "%20").replace("&", "%26")


# ---- what is served

def whole_files(address):
    with Link(address) as link:
        for name, content in TREE.items():
            answer = link.get(quote(name))
            assert (answer.status, answer.body) == (200, content), name
            head = link.get(quote(name), method="HEAD")
            assert head.status == 200 and head.fields["content-length"] == str(len(content)), name
            assert answer.fields["content-type"] == TYPES.get(name, answer.fields["content-type"])
            assert email.utils.parsedate_to_datetime(answer.fields["last-modified"])
            assert email.utils.parsedate_to_datetime(answer.fields["date"])


def start_page_is_the_index(address):
    with Link(address) as link:
        assert link.get("/").body == TREE["index.html"]
        assert link.get("/?query=1").body == TREE["index.html"]
        assert link.get("/./folder/../index.html").body == TREE["index.html"]
        assert link.get("http://test/index.html").body == TREE["index.html"]


def conditions(address):
    with Link(address) as link:
        first = link.get("/small.txt")
        date, tag = first.fields["last-modified"], first.fields["etag"]
        assert link.get("/small.txt", f"If-Modified-Since: {date}").status == 304
        assert link.get("/small.txt", f"If-None-Match: {tag}").status == 304
        assert link.get("/small.txt", f"If-None-Match: W/{tag}").status == 304
        assert link.get("/small.txt", 'If-None-Match: "other"').status == 200
        assert link.get("/small.txt", "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT").status == 200
        assert link.get("/small.txt", 'If-Match: "other"').status == 412
        assert link.get("/small.txt").body == TREE["small.txt"], "the connection goes on after all that"


def ranges(address):
    with Link(address) as link:
        for name in ("small.txt", "large.bin"):
            content, path = TREE[name], "/" + name
            for text, part in [("0-0", content[:1]), ("10-19", content[10:20]), ("90-", content[90:]),
                               ("-7", content[-7:]), ("5-999999999", content[5:]), ("-999999999", content)]:
                answer = link.get(path, f"Range: bytes={text}")
                assert (answer.status, answer.body) == (206, part), text
                first = len(content) - len(part) if text[0] == "-" else int(text.split("-")[0])
                assert answer.fields["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(content)}"
            answer = link.get(path, f"Range: bytes={len(content)}-")
            assert answer.status == 416 and answer.fields["content-range"] == f"bytes */{len(content)}"
            assert link.get(path, "Range: bytes=0-1,4-5").body == content
            assert link.get(path, "Range: bytes=0-1", 'If-Range: "other"').status == 200


def directories(address):
    with Link(address) as link:
        answer = link.get("/folder")
        assert answer.status == 301 and answer.fields["location"] == "/folder/"
        assert link.get("//folder").fields["location"] == "/folder/", "no way to another host"
        page = link.get("/folder/").body.decode()
        assert 'href="./a%20b%26c.txt"' in page and "a b&amp;c.txt" in page and 'href="./deep/"' in page
        assert link.get("/folder/", method="HEAD").status == 200
        assert link.get("/small.txt/").status == 404


# ---- what is refused

REFUSALS = [
    (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"GET /" + b"n" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 405),
    (b"DELETE /small.txt HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    (b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
]


def refusals(address):
    for data, status in REFUSALS:
        answer = ask(address, data)
        assert answer and answer.status == status, f"{data[:60]}: {answer and answer.status}, wanted {status}"
        assert status != 405 or answer.fields["allow"] == "GET, HEAD"
        assert str(status) in answer.body.decode()
    assert ask(address, request("/")).status == 200


def never_out_of_the_root(address):
    tries = ["/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc/passwd", "/folder/../../etc/passwd", "/..%5cetc",
             "/.%2e/.%2e/etc/passwd", "/....//etc/passwd", "/%2e%2e%2f%2e%2e%2fetc/passwd", "/folder/..%00/../..",
             "/..;/etc/passwd", "/..%20/etc/passwd", "http://x/../etc/passwd", "/\\..\\etc", "/%c0%ae%c0%ae/etc/passwd"]
    for path in tries:
        answer = ask(address, request(path))
        assert answer.status in (400, 404), f"{path}: {answer.status}"
        assert b"root:" not in answer.body


def a_mebibyte_of_header(address):
    """The answer arrives although the client is still sending."""
    for start, filler in [(b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a" * 1024), (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 170)]:
        with Link(address) as link:
            try:
                link.send(start + filler * 1024)
            except OSError:
                pass
            assert link.answer().status == 431


def bodies_are_read_over(address):
    with Link(address) as link:
        link.send(request("/", "Content-Length: 100000", method="POST") + b"x" * 100000)
        assert link.answer().status == 405
        link.send(request("/", "Transfer-Encoding: chunked", method="PUT") + b"5\r\nhello\r\n0\r\n\r\n")
        assert link.answer().status == 405
        assert link.get("/small.txt").body == TREE["small.txt"]
    with Link(address) as link:                                 # more than announced is taken
        link.send(request("/", "Transfer-Encoding: chunked", method="POST"))
        try:
            for _ in range(40):
                link.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass
        assert link.answer().status == 413
    with Link(address) as link:                                 # who asks first is answered at once
        link.send(request("/", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert link.answer().status == 405


# ---- how connections are treated

def keep_alive(address):
    with Link(address) as link:
        for _ in range(20):
            assert link.get("/small.txt").status == 200
        assert link.get("/small.txt", "Connection: close").fields["connection"] == "close"
        assert link.at_end()
    with Link(address) as link:
        link.send(b"GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert link.answer().fields["connection"].lower() == "keep-alive"
        link.send(b"GET /small.txt HTTP/1.0\r\n\r\n")
        assert link.answer().body == TREE["small.txt"]
        assert link.at_end()


def pipelining(address):
    names = ["small.txt", "zero.txt", "middle.bin", "large.bin", "style.css"] * 8
    with Link(address) as link:
        link.send(b"".join(request("/" + name) for name in names) + request("/gone", "Connection: close"))
        for name in names:
            assert link.answer().body == TREE[name], name
        assert link.answer().status == 404
        assert link.at_end()


def cut_at_any_byte(address, step=1):
    """The request in two pieces that arrive apart, on one connection: the answer is the same for every cut."""
    data = request("/small.txt", "Range: bytes=3-5", "X: y") + request("/zero.txt")
    with Link(address) as link:
        for cut in range(1, len(data), step):
            link.send(data[:cut])
            time.sleep(0.002)
            link.send(data[cut:])
            assert link.answer().body == b"345" and link.answer().body == b"", cut


def byte_by_byte(address):
    with Link(address) as link:
        for byte in request("/small.txt"):
            link.send(bytes([byte]))
        assert link.answer().body == TREE["small.txt"]


def many_at_once(address, count=256):
    """All of them open, all served, all still served after that. Each is opened when the one before was answered: the
    forwarder of QEMU's user-mode network lets only one connection wait and drops what comes faster."""
    links = []
    try:
        for _ in range(count):
            links.append(Link(address))
            assert links[-1].get("/small.txt").body == TREE["small.txt"]
        for name, some in (("small.txt", links), ("middle.bin", links[: count // 4]), ("zero.txt", links)):
            for link in some:
                link.send(request("/" + name))
            for link in some:
                assert link.answer().body == TREE[name]
    finally:
        for link in links:
            link.__exit__()


def downloads_side_by_side(address, count=8):
    def one(_):
        with Link(address) as link:
            return link.get("/large.bin").body == TREE["large.bin"]

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        assert all(pool.map(one, range(count)))


def clients_that_leave(address):
    """In the middle of a request, of an answer, of nothing."""
    for data in (b"", b"GET / HT", request("/large.bin"), request("/large.bin") * 20):
        for _ in range(20):
            link = Link(address)
            link.send(data)
            link.__exit__()
            assert ask(address, request("/small.txt")).body == TREE["small.txt"]


def slow_clients(address, patience):
    """Whoever sends or takes nothing for `patience` seconds is let go; meanwhile others are served."""
    with Link(address) as idle, Link(address) as half, Link(address) as deaf:
        assert idle.get("/small.txt").status == 200
        half.send(b"GET / HTTP/1.1\r\nHost:")
        deaf.send(request("/large.bin") * 8)
        start = time.monotonic()
        while time.monotonic() - start < patience + 1.5:
            assert ask(address, request("/small.txt")).status == 200
            try:
                half.send(b"a")                         # a byte now and then does not help
            except OSError:
                pass
            time.sleep(0.2)
        assert half.answer().status == 408
        assert half.at_end() and idle.at_end()
        deaf.socket.settimeout(LIMIT)
        received = 0
        try:
            while data := deaf.socket.recv(1 << 20):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < 8 * len(TREE["large.bin"]), "was cut off"


SCENARIOS = [whole_files, start_page_is_the_index, conditions, ranges, directories, refusals, never_out_of_the_root,
             a_mebibyte_of_header, bodies_are_read_over, keep_alive, pipelining, cut_at_any_byte, byte_by_byte,
             many_at_once, downloads_side_by_side, clients_that_leave]


# ---- load

def load(address, requests=10_000, at_once=64, keep=False):
    """ab: so many requests without one failure."""
    words = ["ab", "-q", "-s", "60", "-n", str(requests), "-c", str(at_once), *(["-k"] if keep else []),
             "http://{}:{}/small.txt".format(*address)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60 * LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"Complete requests:\s+{requests}\n", done.stdout), done.stdout
    assert re.search(r"Failed requests:\s+0\n", done.stdout) and "Non-2xx" not in done.stdout, done.stdout
    if keep:
        assert re.search(rf"Keep-Alive requests:\s+{requests}\n", done.stdout), done.stdout
    return float(re.search(r"Requests per second:\s+([\d.]+)", done.stdout)[1])


def steady_load(address, connections=64, seconds=3):
    """wrk: HTTP/1.1 keep-alive; no error of any kind."""
    done = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", str(seconds), "--timeout", str(LIMIT),
                           "http://{}:{}/small.txt".format(*address)], capture_output=True, text=True,
                          timeout=seconds + LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def many_in_step(address, requests=10_000, at_once=64):
    """So many at a time over connections that stay, each opened when the one before was answered (see many_at_once)."""
    links = []
    try:
        for _ in range(at_once):
            links.append(Link(address))
            assert links[-1].get("/small.txt").status == 200
        for _ in range(requests // at_once):
            for link in links:
                link.send(request("/small.txt"))
            for link in links:
                assert link.answer().body == TREE["small.txt"]
    finally:
        for link in links:
            link.__exit__()


def new_connections(address, requests=10_000):
    """A new connection for each."""
    for _ in range(requests):
        assert ask(address, request("/small.txt", "Connection: close")).body == TREE["small.txt"]


def one_after_the_other(address, requests=10_000):
    """One keep-alive connection; every body is looked at."""
    link = http.client.HTTPConnection(*address, timeout=LIMIT)
    for _ in range(requests):
        link.request("GET", "/small.txt")
        assert link.getresponse().read() == TREE["small.txt"]
    link.close()
