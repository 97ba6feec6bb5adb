"""The web server and the http client against real peers."""
import hashlib
import pathlib
import re
import subprocess
import time

import peers
from guest import HOST

TOP = pathlib.Path(__file__).resolve().parents[2]
SMALL, LARGE = 100_000, 64 << 20


def curl(*words, limit=120):
    """Runs curl on this machine; returns its standard output as bytes."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(limit), *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_start_page(each_guest):
    assert curl(each_guest.url("/")) == (TOP / "boot/disk/www/index.html").read_bytes()


def test_status_codes(guest):
    form = ["-o", "/dev/null", "-w", "%{http_code}"]
    assert curl(*form, guest.url("/index.html")) == b"200"
    assert curl(*form, guest.url("/none")) == b"404"
    assert curl(*form, "-X", "DELETE", guest.url("/")) == b"405"
    assert curl(*form, "-r", "0-9", guest.url("/index.html")) == b"206"
    assert curl(*form, "--path-as-is", guest.url("/../etc/hosts")) in (b"400", b"403", b"404")


def test_download_from_python(each_guest, file_server):
    data = peers.pattern(SMALL)
    (file_server.folder / "data.bin").write_bytes(data)
    each_guest.ok(f"http -o /data.bin http://{HOST}:{file_server.port}/data.bin")
    assert each_guest.ok(f"http -o /dev/null http://{HOST}:{file_server.port}/data.bin").strip() == ""
    assert each_guest.shutdown() == 0
    each_guest.disk.check()
    assert each_guest.disk.read("/data.bin") == data


def test_download_64_mib(guest, nginx):
    data = peers.pattern(LARGE)
    (nginx.www / "large.bin").write_bytes(data)
    guest.ok(f"http -o /large.bin http://{HOST}:{nginx.port}/large.bin", limit=600)
    guest.ok(f"http -o /dev/null http://{HOST}:{nginx.port}/large.bin", limit=600)
    assert guest.shutdown() == 0
    guest.disk.check()
    assert hashlib.sha256(guest.disk.read("/large.bin")).digest() == hashlib.sha256(data).digest()


def test_serve_64_mib(make_guest):
    data = peers.pattern(LARGE, seed=2)
    guest = make_guest()
    guest.disk.write("/www/large.bin", data)
    guest.boot().serving()
    assert hashlib.sha256(curl(guest.url("/large.bin"), limit=600)).digest() == hashlib.sha256(data).digest()


def test_redirect_and_text(guest, nginx):
    assert "hello, world" in guest.ok(f"http http://{HOST}:{nginx.port}/moved")


def test_client_exit_codes(guest, scripted):
    cut = scripted(lambda link: (link.recv(4096), link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort")))
    assert guest.run(f"http http://{HOST}:{cut.port}/").status == 18
    assert guest.run(f"http http://{HOST}:1/").status == 7
    assert guest.run("http http://no-such-name.invalid/").status == 6


def test_access_log(guest):
    curl(guest.url("/"))
    curl(guest.url("/no-such-page"))
    page = re.compile(r'^10\.0\.2\.2 - - \[.*\] "GET / HTTP/1\.1" 200 \d+$', re.M)
    missing = re.compile(r'^10\.0\.2\.2 - - \[.*\] "GET /no-such-page HTTP/1\.1" 404 \d+$', re.M)
    deadline, log = time.monotonic() + 60, ""
    while not missing.search(log) and time.monotonic() < deadline:
        log = guest.ok("cat /httpd.log")
    assert missing.search(log) and page.search(log), log
