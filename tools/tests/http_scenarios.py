"""What the http client must do, as functions of a way to run it: `client(words)` gives (output, exit status), where
the output is the standard output and error together. `host` is this machine as the client sees it. So they are
played against the program built for this machine and against the one in Minato alike."""
import time

OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n\r\n"


def read_head(link):
    """Reads a request's head."""
    data = b""
    while b"\r\n\r\n" not in data and (more := link.recv(65536)):
        data += more
    return data


def says(data, pause=0.0, piece=None):
    """A script for peers.Scripted: reads a head, answers with these bytes (in pieces), closes."""
    def script(link):
        read_head(link)
        for start in range(0, len(data), piece or len(data) or 1):
            link.sendall(data[start:start + (piece or len(data))])
            time.sleep(pause)
        link.shutdown(1)
        link.settimeout(2)
        while link.recv(65536):
            pass
    return script


def resets(data):
    """A script that answers with these bytes and then resets the connection."""
    def script(link):
        read_head(link)
        link.sendall(data)
        time.sleep(0.2)
        link.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")         # SO_LINGER, no time: close is a reset
    return script


def floods(start, filler):
    """A script that never stops."""
    def script(link):
        read_head(link)
        link.sendall(start)
        while True:
            link.sendall(filler * 1000)
    return script


def is_silent(link):
    read_head(link)
    time.sleep(30)


# (name, script, options, exit status, a word of the output)
ANSWERS = [
    ("counted", says(OK + b"Content-Length: 6\r\n\r\nhello\n"), "", 0, "hello"),
    ("counted, more than announced", says(OK + b"Content-Length: 6\r\n\r\nhello\nworld"), "", 0, "hello"),
    ("until close", says(OK + b"\r\nhello\n"), "", 0, "hello"),
    ("HTTP/1.0", says(b"HTTP/1.0 200 OK\r\n\r\nhello\n"), "", 0, "hello"),
    ("chunked", says(OK + CHUNKED + b"2\r\nhe\r\n4;x=y\r\nllo\n\r\n0\r\nTrailer: 1\r\n\r\n"), "", 0, "hello"),
    ("byte by byte", says(OK + CHUNKED + b"2\r\nhe\r\n4\r\nllo\n\r\n0\r\n\r\n", piece=1), "", 0, "hello"),
    ("bare line feeds", says(b"HTTP/1.1 200 OK\nContent-Length: 6\n\nhello\n"), "", 0, "hello"),
    ("no content", says(b"HTTP/1.1 204 No Content\r\n\r\n"), "-i", 0, "204"),
    ("interim", says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 6\r\n\r\nhello\n"), "", 0, "hello"),
    ("head", says(OK + b"Content-Length: 5000\r\nX-Mark: seen\r\n\r\n"), "-I", 0, "X-Mark: seen"),
    ("shown head", says(OK + b"X-Mark: seen\r\nContent-Length: 3\r\n\r\nhi\n"), "-i", 0, "X-Mark: seen"),
    ("status 404", says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nhello\n"), "", 0, "hello"),
    ("status 404 with -f", says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nhello\n"), "-f", 22, "404"),
    ("early refusal of a body", says(b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno\n"), "-d a=b", 0, "no"),
]

HOSTILE = [
    ("no word", says(b""), "", 52, "without a word"),
    ("counted, cut", says(OK + b"Content-Length: 9\r\n\r\nshort"), "", 18, "before the end"),
    ("huge count", says(OK + b"Content-Length: 18446744073709551615\r\n\r\nshort"), "", 18, "before the end"),
    ("count beyond 64 bits", says(OK + b"Content-Length: 99999999999999999999\r\n\r\nshort"), "", 8, "HTTP"),
    ("two counts", says(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "", 8, "HTTP"),
    ("count and chunks", says(OK + b"Content-Length: 1\r\n" + CHUNKED + b"1\r\na\r\n0\r\n\r\n"), "", 8, "HTTP"),
    ("chunked, cut", says(OK + CHUNKED + b"9\r\nshort"), "", 18, "before the end"),
    ("chunked, no last chunk", says(OK + CHUNKED + b"5\r\nhello\r\n"), "", 18, "before the end"),
    ("bad chunk size", says(OK + CHUNKED + b"xyz\r\n"), "", 56, "HTTP"),
    ("negative chunk size", says(OK + CHUNKED + b"-5\r\nhello\r\n"), "", 56, "HTTP"),
    ("huge chunk size", says(OK + CHUNKED + b"fffffffffffffffff\r\n"), "", 56, "HTTP"),
    ("head cut", says(b"HTTP/1.1 200 OK\r\nContent-Le"), "", 18, "head"),
    ("not HTTP", says(b"SSH-2.0-OpenSSH_9.2\r\n"), "", 8, "HTTP"),
    ("binary", says(bytes(range(256)) * 10), "", 8, "HTTP"),
    ("HTTP/2", says(b"HTTP/2.0 200 OK\r\n\r\n"), "", 8, "version"),
    ("NUL in a field", says(OK + b"A: b\0c\r\n\r\n"), "", 8, "HTTP"),
    ("field without a name", says(OK + b": x\r\n\r\n"), "", 8, "HTTP"),
    ("status of letters", says(b"HTTP/1.1 abc OK\r\n\r\n"), "", 8, "HTTP"),
    ("endless status line", floods(b"HTTP/1.1 200 ", b"a"), "", 8, "too large"),
    ("endless field", floods(OK + b"A: ", b"a"), "", 8, "too large"),
    ("endless fields", floods(OK, b"A: b\r\n"), "", 8, "too large"),
    ("endless interim answers", floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "", 8, "interim"),
    ("endless chunk extension", floods(OK + CHUNKED + b"1;", b"a"), "", 56, "endless"),
    ("endless trailer", floods(OK + CHUNKED + b"0\r\n", b"A: b\r\n"), "", 56, "endless"),
    ("reset before a word", resets(b""), "", 56, "reset"),
    ("reset in the body", resets(OK + b"Content-Length: 9\r\n\r\nabc"), "", 56, "reset"),
    ("silence", is_silent, "-m 2", 28, "timed out"),
    ("silence in the body", lambda link: (link.sendall(OK + b"Content-Length: 9\r\n\r\n"), is_silent(link)), "-m 2", 28,
     "timed out"),
]

REDIRECTS = [
    ("relative", [b"301 Moved\r\nLocation: other"], "a/b", "", b"GET /a/other "),
    ("absolute path", [b"302 Found\r\nLocation: /x?y=z"], "a/b", "", b"GET /x?y=z "),
    ("up and over", [b"301 Moved\r\nLocation: ../../../c"], "a/b/d", "", b"GET /c "),
    ("blank in the place", [b"301 Moved\r\nLocation: /a b"], "", "", b"GET /a%20b "),
    ("POST and 301", [b"301 Moved\r\nLocation: /x"], "", "-d a=b", b"GET /x "),
    ("POST and 302", [b"302 Found\r\nLocation: /x"], "", "-d a=b", b"GET /x "),
    ("POST and 303", [b"303 See Other\r\nLocation: /x"], "", "-d a=b", b"GET /x "),
    ("POST and 307", [b"307 Temporary\r\nLocation: /x"], "", "-d a=b", b"POST /x "),
    ("POST and 308", [b"308 Permanent\r\nLocation: /x"], "", "-d a=b", b"POST /x "),
    ("HEAD and 303", [b"303 See Other\r\nLocation: /x"], "", "-I", b"HEAD /x "),
    ("ten", [b"301 Moved\r\nLocation: /%d" % n for n in range(10)], "", "", b"GET /9 "),
]


def check(client, host, port, name, words, status, word):
    output, exit_status = client(f"{words} http://{host}:{port}/".strip())
    assert exit_status == status, f"{name}: {exit_status}, wanted {status}\n{output[-1000:]}"
    assert word in output, f"{name}: no {word!r} in\n{output[-1000:]}"


def run_table(table, client, host, scripted):
    for name, script, words, status, word in table:
        check(client, host, scripted(script).port, name, words, status, word)


def answers(client, host, scripted):
    run_table(ANSWERS, client, host, scripted)


def hostile_servers(client, host, scripted):
    run_table(HOSTILE, client, host, scripted)


def redirects(client, host, scripted):
    for name, places, path, words, last in REDIRECTS:
        requests = []

        def script(link, places=places, requests=requests):
            head = read_head(link)
            requests.append(head)
            if len(requests) <= len(places):
                link.sendall(b"HTTP/1.1 " + places[len(requests) - 1] + b"\r\nContent-Length: 0\r\n\r\n")
            else:
                link.sendall(OK + b"Content-Length: 8\r\n\r\n" + (b"" if head.startswith(b"HEAD") else b"arrived\n"))

        output, status = client(f"{words} http://{host}:{scripted(script).port}/{path}".strip())
        assert status == 0, f"{name}: {status}\n{output}"
        assert requests[-1].startswith(last), f"{name}: {requests[-1][:60]}"
        assert (b"Content-Length: 3" in requests[-1]) == last.startswith(b"POST"), name


def redirects_without_end(client, host, scripted):
    check(client, host, scripted(says(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")).port, "circle", "", 47, "10")


def redirects_elsewhere(client, host, scripted):
    """What is meant for one host is not told to another; what cannot be followed is said."""
    heads = []
    there = scripted(lambda link: (heads.append(read_head(link)), link.sendall(OK + b"Content-Length: 0\r\n\r\n")))
    place = b"http://%b:%d/" % (host.encode(), there.port)
    here = scripted(lambda link: (heads.append(read_head(link)),
                                  link.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n\r\n")))
    assert client(f"-H Authorization:secret -H X-Mark:seen http://{host}:{here.port}/")[1] == 0
    assert b"secret" in heads[0] and b"secret" not in heads[1] and b"seen" in heads[1]
    for place, status in ((b"https://x/", 1), (b"mailto:x@y", 1), (b"http://", 3), (b"http://a:b:c/", 3)):
        away = scripted(says(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n\r\n"))
        assert client(f"http://{host}:{away.port}/")[1] == status, place


def requests_sent(client, host, scripted):
    """What goes out, byte for byte."""
    heads = []
    server = scripted(lambda link: (heads.append(read_head(link)), link.sendall(OK + b"Content-Length: 0\r\n\r\n")))
    name = f"{host}:{server.port}"
    assert client(f"-H X-Own:1 -H Accept: -H User-Agent:me {name}/a/../b?c#d")[1] == 0
    assert heads[-1] == (f"GET /a/../b?c HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n"
                         "X-Own:1\r\nUser-Agent:me\r\n\r\n").encode()
    assert client(f"-d a=1 -d b=2 {name}")[1] == 0
    assert heads[-1].startswith(b"POST / HTTP/1.1\r\n") and b"\r\nContent-Length: 7\r\n" in heads[-1]


def failures_without_a_server(client, host, scripted):
    for words, status in (("", 2), ("-x http://h/", 2), ("http://h/ http://i/", 2), ("-m 0 http://h/", 2), ("-o", 2),
                          ("-H nonsense http://h/", 2), ("https://h/", 1), ("ftp://h/", 1), ("http://", 3),
                          ("http://h:99999/", 3), ("http://u:p@h/", 3), ("http://no-such-name.invalid/", 6),
                          (f"http://{host}:1/", 7), (f"-T /no/such/file http://{host}:1/", 26)):
        output, exit_status = client(words)
        assert exit_status == status, f"{words}: {exit_status}, wanted {status}\n{output}"
        assert output.strip(), words


SCENARIOS = [answers, hostile_servers, redirects, redirects_without_end, redirects_elsewhere, requests_sent,
             failures_without_a_server]
