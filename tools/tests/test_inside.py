"""Test tasks inside Minato, which speak the servers' IPC interfaces directly; here they get machines and peers."""
import contextlib
import threading

import pytest
from guest import HOST, KINDS
from peers import Scripted, answers

NAMES = [f"{build}-{cpus}cpu" for build, cpus in KINDS]


def echo(connection):
    """Sends back what comes until it ends."""
    while data := connection.recv(65536):
        connection.sendall(data)


def silence(connection):
    """Neither reads nor writes, for as long as the test runs."""
    threading.Event().wait(600)


@contextlib.contextmanager
def listener(script):
    """A server on this machine; gives its port. Nobody listens on the port above."""
    server = Scripted(script)
    while server.port == 65535 or answers(server.port + 1):
        server.stop()
        server = Scripted(script)
    yield server.port
    server.stop()


def passes(guest, command, limit=120):
    """The test task counts no failure, and the machine goes on."""
    output = guest.ok(command, limit=limit)
    assert " passed, 0 failed" in output, output
    assert guest.run("echo alive").output.strip() == "alive"


@pytest.mark.parametrize("build, cpus", KINDS, ids=NAMES)
def test_from_inside(make_guest, build, cpus):
    guest = make_guest(build=build, cpus=cpus).boot()
    passes(guest, "init_ipc_test")
    passes(guest, "fs_test")
    with listener(echo) as port:
        passes(guest, f"posix_test {HOST} {port}")
    with listener(silence) as port:
        passes(guest, f"net_ipc_test {HOST} {port}")
    assert guest.shutdown() == 0
    guest.disk.check()


@pytest.mark.parametrize("build, cpus", KINDS, ids=NAMES)
def test_a_driver_that_lies(make_guest, build, cpus):
    guest = make_guest(build=build, cpus=cpus, append="without=virtio_net,httpd ip=10.0.0.1/24").boot()
    passes(guest, "net_wire_test")
