"""Files on the FAT disk: what a session wrote is there afterwards, and fsck.fat finds nothing to say."""
import time

import peers
from guest import COMMAND_LIMIT, HOST

SOME = 8 << 20


def close(guest):
    """Ends the machine in order and lets fsck look at its disk."""
    assert guest.shutdown() == 0
    guest.disk.check()


def wait_written_back(guest, name):
    """Waits until a file is on the disk and the volume is marked clean again."""
    deadline = time.monotonic() + COMMAND_LIMIT
    while not (guest.disk.has(name) and guest.disk.is_clean()):
        assert time.monotonic() < deadline, "the server does not write back"
        time.sleep(0.2)


def test_a_session_that_writes(guest):
    guest.ok("mkdir /notes")
    guest.ok("cp /www/index.html '/notes/A page with a long name.html'")
    guest.ok("cp /www/index.html /notes/SHORT.HTM")
    guest.ok("cp /notes/SHORT.HTM /notes/copy.htm")
    guest.ok("rm /notes/SHORT.HTM")
    listing = guest.ok("ls /notes")
    assert "A page with a long name.html" in listing and "SHORT.HTM" not in listing
    assert guest.run("rm /notes").status != 0
    assert guest.run("cat /notes/SHORT.HTM").status != 0
    close(guest)
    page = guest.disk.read("/www/index.html")
    assert guest.disk.read("/notes/A page with a long name.html") == page
    assert guest.disk.read("/notes/copy.htm") == page


def test_written_files_reach_the_disk_without_a_shutdown(guest):
    guest.ok("cp /www/index.html /kept.html")
    wait_written_back(guest, "/kept.html")
    guest.kill()
    guest.disk.check()
    assert guest.disk.read("/kept.html") == guest.disk.read("/www/index.html")


def test_full_disk(make_guest, nginx):
    """Fills the disk by copying a file onto it again and again; then there is room again after a removal."""
    guest = make_guest()
    guest.disk.write("/large.bin", peers.pattern(100 << 20))
    guest.boot()
    guest.ok("cp /large.bin /a", limit=300)
    failed = guest.run("cp /large.bin /b", limit=300)
    assert failed.status != 0
    guest.run("rm /b")
    guest.ok("cp /www/index.html /after.html")
    close(guest)
    assert guest.disk.read("/a") == guest.disk.read("/large.bin")
    assert guest.disk.read("/after.html") == guest.disk.read("/www/index.html")


def test_disk_driver_dies_while_a_file_is_written(guest, nginx):
    data = peers.pattern(SOME)
    (nginx.www / "some.bin").write_bytes(data)
    for name in ("one", "two", "three"):
        guest.begin(f"http -o /{name}.bin http://{HOST}:{nginx.port}/some.bin &")
        guest.finish()
        time.sleep(0.1)
        guest.ok("kill virtio_blk")
        guest.ok("wait", limit=300)
    close(guest)
    for name in ("one", "two", "three"):
        assert guest.disk.read(f"/{name}.bin") == data


def test_file_server_is_back(guest):
    """It is ended when nothing waits to be written: ended before, it rightly leaves a volume that is marked."""
    wait_written_back(guest, "/httpd.log")
    for _ in range(3):
        guest.ok("kill fs")
        deadline = time.monotonic() + 30
        while guest.run("cat /www/index.html").status != 0:
            assert time.monotonic() < deadline, "fs does not come back"
            time.sleep(0.2)
    close(guest)


def test_no_disk(make_guest):
    guest = make_guest(disk=False).boot()
    assert guest.run("ls /").status != 0
    assert guest.ok("echo still here").strip().endswith("still here")
    assert guest.shutdown() == 0
