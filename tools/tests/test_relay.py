"""The OS and this machine's own Linux TCP over a bad cable: whole files, both ways at once, byte for byte."""
import hashlib
import time

import linux_end
import pytest
import relay
from guest import Guest
from peers import pattern

pytestmark = pytest.mark.skipif(bool(linux_end.missing()), reason=linux_end.missing())

MIB = 1 << 20
SIZES = (4, 16)                 # MiB of the files, which are called after it
LIMIT = 900                     # seconds: ends a test that hangs; measures nothing
DELAY = "delay=10ms "
BURSTS = "burst=1% goes-on=66% "
LINKS = {
    "clean": ("", 16),
    "loss": (DELAY + "loss=1%", 16),
    "bursts": (DELAY + BURSTS, 4),
    "order": (DELAY + "reorder=10% jitter=8ms", 4),
    "duplicates": (DELAY + "duplicate=5% jitter=1ms", 4),
    "damage": (DELAY + "corrupt=1%", 4),
    "short-queue": (DELAY + "rate=10M queue=20k", 4),
    "bufferbloat": (DELAY + "rate=6M queue=1M", 4),
    "all": (DELAY + BURSTS + "loss=0.5% reorder=3% jitter=4ms duplicate=1% corrupt=0.5% rate=30M queue=100k", 4),
}


def data(size, seed):
    return pattern(size * MIB, seed)


def digest(size, seed):
    return hashlib.sha256(data(size, seed)).hexdigest()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine with large files at one end of a cable, `linux` with others at the other."""
    folder, plug = tmp_path_factory.mktemp("served"), relay.Plug()
    guest = Guest(tmp_path_factory.mktemp("guest"), net=plug.netdev(), append=f"ip={linux_end.GUEST}/24",
                  pass_fds=plug.fds)
    for size in SIZES:
        guest.disk.write(f"/www/{size}.bin", data(size, 1))
        (folder / f"{size}.bin").write_bytes(data(size, 2))
    guest.linux = linux_end.LinuxEnd(plug, folder)
    try:
        guest.linux.link()
        guest.boot()
        yield guest
    finally:
        guest.kill()
        guest.linux.stop()
        plug.close()


@pytest.fixture
def guest(machine):
    """The machine; after the test it holds no more than before."""
    machine.linux.link()
    before = machine.resources()
    yield machine
    machine.linux.link()
    machine.ok("rm /www/copy.bin")
    machine.settles_to(before, limit=LIMIT)


def begin(guest, size):
    """Begins two transfers, one into the guest and one out of it."""
    guest.begin(f"http -o /www/copy.bin http://{linux_end.OWN}:{linux_end.PORT}/{size}.bin")
    guest.linux.begin(f"/{size}.bin")


def finish(guest, size):
    """Both are over and every byte is right: of the guest's copy, too, which comes over a good cable."""
    assert guest.linux.finish()[:2] == [digest(size, 1), size * MIB]
    output, status = guest.finish(LIMIT)
    assert status == 0, output
    statistics = guest.linux.statistics()
    guest.linux.link()
    assert guest.linux.get("/copy.bin")[:2] == [digest(size, 2), size * MIB]
    return statistics


@pytest.mark.parametrize("name", LINKS)
def test_transfers(guest, name):
    words, size = LINKS[name]
    guest.linux.link(words, seed=1)
    begin(guest, size)
    loses = any(word in words for word in ("loss", "burst", "queue"))
    for way in finish(guest, size):
        assert way["overflowed"] == way["refused"] == 0
        assert name == "bufferbloat" or (way["lost"] > 0) == loses
        assert (way["doubled"] > 0) == ("duplicate" in words) and (way["damaged"] > 0) == ("corrupt" in words)


def test_the_link_goes_away_and_returns(guest):
    guest.linux.link(DELAY + "loss=1%", seed=2)
    begin(guest, 4)
    for seconds in (1, 4):
        time.sleep(1)
        guest.linux.cut()
        time.sleep(seconds)
        guest.linux.mend()
    assert all(way["cut"] > 0 for way in finish(guest, 4))


def test_the_driver_dies_under_loss(guest):
    guest.linux.link(DELAY + "loss=1%", seed=3)
    guest.linux.begin("/4.bin")
    guest.begin(f"http -o /www/copy.bin http://{linux_end.OWN}:{linux_end.PORT}/4.bin &")
    guest.finish()
    for _ in range(3):
        time.sleep(1)
        guest.ok("kill virtio_net")
    guest.begin("wait")
    finish(guest, 4)
