"""The web server, built for this machine with sanitizers: every scenario, and what only this machine can arrange."""
import os
import pathlib
import re
import resource
import subprocess
import time

import httpd_scenarios as scenarios
import pytest
import qemu
from peers import answers

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/host/bin/httpd"
SMALL = scenarios.TREE["small.txt"]
PATIENCE = 2                # seconds, of the server


class Httpd:
    """A running server over a folder with the scenarios' files."""

    def __init__(self, folder, *words, files=None):
        self.root = folder / "www"
        for name, content in scenarios.TREE.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.log = folder / "access.log"
        self.port = qemu.free_port()
        self.address = ("127.0.0.1", self.port)
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.errors = (folder / "errors").open("w+b")
        self.process = subprocess.Popen(
            [PROGRAM, "-p", str(self.port), "-r", str(self.root), "-t", str(PATIENCE), "-l", str(self.log), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, preexec_fn=limit)
        deadline = time.monotonic() + 30
        while not answers(self.port):
            assert time.monotonic() < deadline and self.process.poll() is None, "httpd does not come up"
            time.sleep(0.02)

    def cpu_seconds(self):
        """The processor time it has used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Ends it; a sanitizer's complaint or an end of its own is a failure."""
        ended = self.process.poll()
        self.process.terminate()
        self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")
        self.errors.close()
        assert ended is None and not said, f"ended with {ended}:\n{said}"


@pytest.fixture
def start(tmp_path):
    """start(*options, files=N): a server; N bounds its descriptors."""
    made = []

    def make(*words, **options):
        made.append(Httpd(tmp_path, *words, **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=[s.__name__ for s in scenarios.SCENARIOS])
def test_scenario(start, scenario):
    scenario(start().address)


def test_slow_clients(start):
    scenarios.slow_clients(start().address, PATIENCE)


@pytest.mark.parametrize("keep", [False, True], ids=["new-connections", "keep-alive"])
def test_load(start, keep):
    scenarios.load(start().address, keep=keep)


def test_steady_load(start):
    scenarios.steady_load(start().address, connections=256)


def test_changed_file_is_seen(start):
    server = start()
    with scenarios.Link(server.address) as link:
        for content in (b"first", b"other", b"longer than before", b"", b"back again"):
            (server.root / "change.txt").write_bytes(content)
            time.sleep(1.1)
            assert link.get("/change.txt").body == content
        (server.root / "change.txt").unlink()
        time.sleep(1.1)
        assert link.get("/change.txt").status == 404
        (server.root / "change.txt").write_bytes(b"new")
        assert link.get("/change.txt").body == b"new", "what was missing is looked for each time"


def test_file_that_shrinks_while_it_is_sent(start):
    server = start()
    with scenarios.Link(server.address) as link:
        (server.root / "shrinks").write_bytes(bytes(30_000_000))
        link.send(scenarios.request("/shrinks"))
        time.sleep(0.2)
        (server.root / "shrinks").write_bytes(b"")
        with pytest.raises((AssertionError, ConnectionResetError)):
            link.answer()
    assert scenarios.ask(server.address, scenarios.request("/small.txt")).body == SMALL


def test_full_table_gives_up_the_oldest_idle(start):
    server = start("-c", "8")
    links = [scenarios.Link(server.address) for _ in range(8)]
    for link in links:
        assert link.get("/small.txt").body == SMALL
    assert scenarios.ask(server.address, scenarios.request("/small.txt")).body == SMALL
    assert links[0].at_end()
    assert links[7].get("/small.txt").body == SMALL
    for link in links:
        link.__exit__()


def test_full_table_of_busy_connections_makes_others_wait(start):
    server = start("-c", "4")
    links = [scenarios.Link(server.address) for _ in range(4)]
    for link in links:
        link.send(b"GET /small.txt HTTP/1.1\r\nHost")
    time.sleep(0.3)
    with scenarios.Link(server.address) as late:
        late.send(scenarios.request("/small.txt"))
        links[0].send(b": x\r\nConnection: close\r\n\r\n")
        assert links[0].answer().body == SMALL
        assert late.answer().body == SMALL
    for link in links:
        link.__exit__()


def test_out_of_descriptors(start):
    """accept() fails; the server neither spins nor stays deaf."""
    server = start(files=24)
    links = [scenarios.Link(server.address) for _ in range(60)]
    for link in links[:10]:
        link.send(b"GET / HTTP/1.1\r\nHost")
    time.sleep(0.5)
    before = server.cpu_seconds()
    time.sleep(1)
    assert server.cpu_seconds() - before < 0.5
    for link in links:
        link.__exit__()
    assert scenarios.ask(server.address, scenarios.request("/small.txt")).body == SMALL


def test_out_of_memory_budget(start):
    """Requests half sent use the budget up; whole ones are served all the same, and later all is as before."""
    server = start("-m", "256")
    links = [scenarios.Link(server.address) for _ in range(60)]
    for link in links:
        link.send(b"GET /small.txt HTTP/1.1\r\nHost")
    assert scenarios.ask(server.address, scenarios.request("/small.txt")).body == SMALL
    statuses = []
    for link in links:
        try:
            link.send(b": x\r\n\r\n")
            statuses.append(link.answer().status)
        except OSError:
            pass
        link.__exit__()
    assert 200 in statuses and 503 in statuses
    scenarios.downloads_side_by_side(server.address)


def test_idle_server_sleeps(start):
    server = start()
    scenarios.keep_alive(server.address)
    with scenarios.Link(server.address) as link:
        link.get("/small.txt")
        before = server.cpu_seconds()
        time.sleep(1.5)
        assert server.cpu_seconds() - before < 0.1


def test_large_directory(start):
    server = start()
    folder = server.root / "many"
    folder.mkdir()
    for number in range(1500):
        (folder / f"file number {number:04} of many.txt").write_bytes(b"x")
    page = scenarios.ask(server.address, scenarios.request("/many/")).body.decode()
    assert page.count("<tr>") == 1501 and page.index("0007") < page.index("1400")


def test_access_log(start):
    server = start()
    scenarios.ask(server.address, scenarios.request('/small.txt?a"b', "Connection: close"))
    scenarios.ask(server.address, b"\x16\x03")
    line = r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
    wanted = line + r'"GET /small\.txt\?a\?b HTTP/1\.1" 200 100\n' + line + r'"-" 400 \d+\n'
    deadline = time.monotonic() + 10
    while not re.fullmatch(wanted, text := server.log.read_text(encoding="ascii")):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)


@pytest.mark.parametrize("words", [["-p"], ["-p", "0"], ["-p", "70000"], ["-p", "x"], ["-x"], ["stray"], ["-c", "-1"]])
def test_wrong_usage(words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and done.stderr.strip()


def test_port_in_use(start):
    server = start()
    done = subprocess.run([PROGRAM, "-p", str(server.port)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "in use" in done.stderr
