"""One machine at the other end of a wire, for all the tests in this folder: they play its peer frame by frame."""
import pathlib
import sys
import time

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
from guest import Guest  # noqa: E402
from steps import CHARGEN, DAYTIME, DISCARD, ECHO, PATTERN, usage  # noqa: E402
from wire import ACK, Peer, Wire, address  # noqa: E402


def grow(wire):
    """Lets every service use what memory it will ever use."""
    for service in (ECHO, DISCARD, DAYTIME, CHARGEN):
        wire.send_udp(6000, service, PATTERN[:1472])
        peer = Peer(wire, service)
        peer.connect()
        if service in (ECHO, DISCARD):
            peer.send(ACK, PATTERN[:1400])
        peer.receive()
        peer.reset()


def expect_no_more_in_use(guest):
    """Also what connections in TIME-WAIT hold comes back, after two minutes at the latest."""
    deadline = time.monotonic() + 180
    while (now := usage(guest)) != guest.usage_before:
        assert time.monotonic() < deadline, f"before: {guest.usage_before}\nafter: {now}"
        time.sleep(2)


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A machine at the other end of a wire, with the small services up; in the end they hold no more than at first."""
    wire = Wire()
    guest = Guest(tmp_path_factory.mktemp("wire"), net=wire.netdev(), append="ip=10.9.0.1/24,gw=10.9.0.2")
    try:
        guest.boot()
        guest.start_services()
        grow(wire)
        guest.wire, guest.before, guest.usage_before = wire, guest.resources(), usage(guest)
        yield guest
        expect_no_more_in_use(guest)
    finally:
        guest.kill()
        wire.close()


@pytest.fixture
def guest(machine):
    """The machine; after the test it holds no more than before."""
    machine.wire.drain()
    yield machine
    machine.settles_to(machine.before)


@pytest.fixture
def wire(guest):
    return guest.wire


@pytest.fixture
def stranger(wire, monkeypatch):
    """A host that the guest has not heard of yet: what it learns of the path there is not the other tests' concern."""
    stranger.last = getattr(stranger, "last", 100) + 1
    monkeypatch.setattr(wire, "ip", address(f"10.9.0.{stranger.last}"))
    return wire
