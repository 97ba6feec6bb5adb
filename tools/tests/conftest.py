"""What the whole-system tests share: machines that boot, and peers for them to talk to."""
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guest import KINDS, Guest  # noqa: E402
from peers import FileServer, Nginx, Scripted  # noqa: E402


@pytest.fixture
def make_guest(tmp_path):
    """make_guest(**options): a machine that is not powered on yet; gone after the test in any case."""
    made = []

    def make(**options):
        guest = Guest(tmp_path / f"guest{len(made)}", **options)
        made.append(guest)
        return guest

    yield make
    for guest in made:
        guest.kill()


@pytest.fixture
def guest(make_guest):
    """A release machine with one CPU, booted to the prompt, its web server up."""
    return make_guest().boot().serving()


@pytest.fixture(params=KINDS, ids=[f"{build}-{cpus}cpu" for build, cpus in KINDS])
def each_guest(request, make_guest):
    """A booted machine of every kind: release and debug, one and two CPUs."""
    build, cpus = request.param
    return make_guest(build=build, cpus=cpus).boot().serving()


@pytest.fixture
def file_server(tmp_path):
    """Python's http.server over an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = FileServer(folder)
    yield server
    server.stop()


@pytest.fixture
def nginx(tmp_path):
    """nginx over a folder with hello.txt."""
    www = tmp_path / "nginx-www"
    www.mkdir()
    (www / "hello.txt").write_text("hello, world\n", encoding="ascii")
    server = Nginx(tmp_path / "nginx", www)
    server.www = www
    yield server
    server.stop()


@pytest.fixture
def scripted():
    """scripted(function): a server that treats each connection with the function; returns it (see .port)."""
    made = []

    def make(script):
        made.append(Scripted(script))
        return made[-1]

    yield make
    for server in made:
        server.stop()
