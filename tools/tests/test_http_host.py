"""The http client, built for this machine with sanitizers: every scenario, and files and real servers."""
import pathlib
import subprocess
import time

import http_scenarios as scenarios
import pytest
import peers

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/host/bin/http"


def run(*words, **options):
    """Runs the client; returns the finished process with its standard output and error as bytes."""
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **options)


def client(words):
    done = run(*words.split())
    return (done.stdout + done.stderr).decode("utf-8", "replace"), done.returncode


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=[s.__name__ for s in scenarios.SCENARIOS])
def test_scenario(scenario, scripted):
    scenario(client, "127.0.0.1", scripted)


def test_download_to_a_file(file_server, tmp_path):
    data = peers.pattern(5_000_000)
    (file_server.folder / "data").write_bytes(data)
    done = run("-o", tmp_path / "copy", f"http://localhost:{file_server.port}/data")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "copy").read_bytes() == data


def test_download_from_nginx_with_redirect(nginx):
    done = run(f"http://127.0.0.1:{nginx.port}/moved")
    assert (done.returncode, done.stdout) == (0, b"hello, world\n")


def test_empty_file_is_made(scripted, tmp_path):
    server = scripted(scenarios.says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    assert run("-o", tmp_path / "empty", f"127.0.0.1:{server.port}").returncode == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_what_arrived_before_a_cut_is_kept(scripted, tmp_path):
    server = scripted(scenarios.says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"))
    assert run("-o", tmp_path / "part", f"127.0.0.1:{server.port}").returncode == 18
    assert (tmp_path / "part").read_bytes() == b"short"


@pytest.mark.parametrize("place", ["/dev/full", "/no/such/folder/file", "/"])
def test_output_that_cannot_be_written(file_server, place):
    (file_server.folder / "data").write_bytes(bytes(200_000))
    done = run("-o", place, f"http://127.0.0.1:{file_server.port}/data")
    assert done.returncode == 23 and b"(23)" in done.stderr


def test_upload(file_server, tmp_path):
    data = peers.pattern(3_000_000)
    (tmp_path / "data").write_bytes(data)
    for words in (["-T", tmp_path / "data"], ["-d", f"@{tmp_path / 'data'}"]):
        file_server.server.received = None
        done = run(*words, f"http://127.0.0.1:{file_server.port}/up")
        assert (done.returncode, done.stdout) == (0, b"3000000 bytes\n")
        assert file_server.server.received == data


def test_upload_that_is_refused_early(scripted, tmp_path):
    """The answer is shown although the server never reads the file."""
    (tmp_path / "data").write_bytes(bytes(30_000_000))

    def script(link):
        scenarios.read_head(link)
        link.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 7\r\n\r\nrefused")
        time.sleep(1)

    done = run("-T", tmp_path / "data", f"127.0.0.1:{scripted(script).port}/x")
    assert (done.returncode, done.stdout) == (0, b"refused")


def test_several_addresses_are_tried(scripted):
    """localhost is ::1 and 127.0.0.1; the server listens on one of them."""
    server = scripted(scenarios.says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    assert run(f"http://localhost:{server.port}/").stdout == b"hi"


def test_progress_bar(scripted, tmp_path):
    slow = scenarios.says(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + bytes(2_000_000), pause=0.05, piece=50_000)
    server = scripted(slow)
    shown = run("-o", tmp_path / "slow", f"127.0.0.1:{server.port}").stderr.decode()
    assert "of 1.9 MiB" in shown and "iB/s" in shown and " left" in shown and "100%" in shown
    assert run("-s", "-o", tmp_path / "slow", f"127.0.0.1:{server.port}").stderr == b""
    assert b"iB/s" not in run(f"127.0.0.1:{server.port}").stderr


def test_control_characters_are_refused():
    assert run("-H", "A: b\r\nInjected: 1", "http://127.0.0.1:1/").returncode == 2
    assert run("http://127.0.0.1:1/\r\nInjected: 1").returncode == 3


def test_verbose(scripted):
    server = scripted(scenarios.says(b"HTTP/1.1 200 OK\r\nX-Mark: seen\r\nContent-Length: 2\r\n\r\nhi"))
    done = run("-v", f"127.0.0.1:{server.port}")
    assert done.stdout == b"hi"
    for line in (b"* Connected to 127.0.0.1", b"> GET / HTTP/1.1", b"< HTTP/1.1 200 OK", b"< X-Mark: seen"):
        assert line in done.stderr


def test_silent_failure():
    done = run("-s", "http://127.0.0.1:1/")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
