"""The machine boots, the shell works, and the way out carries the exit status."""
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import qemu  # noqa: E402


def test_boots_to_the_prompt(each_guest):
    assert "help" in each_guest.ok("help")


def test_exit_status_of_a_command(guest):
    assert guest.run("ls /").status == 0
    assert guest.run("ls /no-such-folder").status != 0
    assert guest.run("no-such-program").status == 127


def test_shutdown_powers_off(guest):
    assert guest.shutdown() == 0
    guest.disk.check()


@pytest.mark.parametrize("commands, status", [("echo one", 0), ("echo one; ls /no-such-folder", 1),
                                              ("ls /no-such-folder; echo two", 0)])
def test_run_option(make_guest, commands, status):
    guest = make_guest(append=qemu.run_option(commands)).start()
    assert guest.wait_exit() == status


def test_little_memory(make_guest):
    guest = make_guest(memory=32).boot()
    assert guest.run("ls /").status == 0


def test_files_persist(guest):
    guest.ok("mkdir /kept")
    guest.ok("cp /www/index.html /kept/page-with-a-long-name.html")
    guest.ok("rm /www/index.html")
    assert "page-with-a-long-name.html" in guest.ok("ls /kept")
    assert guest.shutdown() == 0
    guest.disk.check()
    assert guest.disk.read("/kept/page-with-a-long-name.html") == qemu.TOP.joinpath(
        "boot/disk/www/index.html").read_bytes()
