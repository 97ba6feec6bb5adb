"""What dies comes back, and takes nobody along."""
import time

import peers
import pytest
from guest import HOST
from test_http import curl

LARGE = 64 << 20
WAYS = ["null", "constant", "kernel", "jump", "instruction", "privilege", "stack", "abort"]


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_is_reported_and_costs_nobody_else(guest, way):
    output, status = guest.run(f"crash {way}")
    assert status != 0
    if way != "abort":
        assert f"crash_{way}" in output or way in ("stack", "jump"), "no readable backtrace"
    assert guest.run("echo alive").output.strip() == "alive"
    assert curl(guest.url("/"))


def test_exit_status_of_a_program(guest):
    assert guest.run("crash exit").status == 42


def test_driver_dies_in_a_download(guest, nginx):
    data = peers.pattern(LARGE)
    (nginx.www / "large.bin").write_bytes(data)
    guest.begin(f"http -o /large.bin http://{HOST}:{nginx.port}/large.bin &")
    guest.finish()
    for _ in range(3):
        time.sleep(0.5)
        guest.ok("kill virtio_net")
    guest.ok("wait", limit=600)
    assert guest.shutdown() == 0
    guest.disk.check()
    assert guest.disk.read("/large.bin") == data


@pytest.mark.parametrize("server", ["httpd", "virtio_net", "virtio_blk"])
def test_a_killed_server_is_back(guest, server):
    page = curl(guest.url("/"))
    for _ in range(3):
        deadline = time.monotonic() + 60
        while guest.run(f"kill {server}").status != 0:  # from the last round it may be about to start again
            assert time.monotonic() < deadline, f"{server} does not come back"
            time.sleep(0.1)
        while True:
            try:
                assert curl(guest.url("/"), limit=10) == page
                break
            except AssertionError:
                assert time.monotonic() < deadline, f"{server} does not come back"
                time.sleep(0.2)


def test_ctrl_c_at_the_prompt_throws_away_only_what_was_typed_before(guest):
    for _ in range(5):
        guest.type("no such thing\x03echo =$?=\r")
        assert guest.finish().status == 130
    guest.type("no such thing\x03")
    guest.run("kill console")
    guest.type("nor this\x03echo =$?=\r")
    assert guest.finish().status == 130


def test_ctrl_c_ends_a_program_and_nobody_takes_it_from_the_shell(guest):
    guest.ok("init_ipc_test", limit=120)  # it watches the console for input, too
    for _ in range(2):
        guest.begin("init_ipc_test hang")
        time.sleep(1)  # one that comes before the program is not meant for it
        guest.type("\x03")
        assert guest.finish().status == 130
        guest.run("kill console")  # the shell finds the new one, and is heard by it
