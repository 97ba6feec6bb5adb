"""The scenarios of the web server and of the http client, played against the ones in Minato."""
import http_scenarios
import httpd_scenarios
import pytest
from guest import HOST

KINDS = [("release", 1), ("debug", 2)]


@pytest.fixture(params=KINDS, ids=[f"{build}-{cpus}cpu" for build, cpus in KINDS])
def web_guest(request, make_guest):
    """A machine whose /www holds the scenarios' files, booted."""
    build, cpus = request.param
    guest = make_guest(build=build, cpus=cpus, forwards=(8080,))
    guest.disk.make_folder("/www/folder")
    guest.disk.make_folder("/www/folder/deep")
    for name, content in httpd_scenarios.TREE.items():
        guest.disk.write(f"/www/{name}", content)
    return guest.boot().serving()


def play(scenarios, *arguments):
    """Plays them one after the other on one machine; all failures are told together."""
    failed = []
    for scenario in scenarios:
        try:
            scenario(*arguments)
        except (AssertionError, OSError, AttributeError) as error:
            failed.append(f"{scenario.__name__}: {error!r}")
    assert not failed, "\n".join(failed)


def test_server(web_guest):
    address = ("127.0.0.1", web_guest.ports[80])
    httpd_scenarios.many_at_once(address)       # tables grow to what they need, once
    before = web_guest.resources()
    play(httpd_scenarios.SCENARIOS, address)
    assert web_guest.resources() == before


def test_client(web_guest, scripted):
    play(http_scenarios.SCENARIOS, lambda words: web_guest.run(f"http {words}".strip()), HOST, scripted)


def test_slow_clients(web_guest):
    web_guest.ok("httpd -p 8080 -t 2 &")
    web_guest.serving(8080)
    httpd_scenarios.slow_clients(("127.0.0.1", web_guest.ports[8080]), 2)


def test_load(web_guest):
    """10,000 requests one after the other, 64 at a time over connections that stay, and new connections; then the
    machine's resources are what they were."""
    address = ("127.0.0.1", web_guest.ports[80])
    httpd_scenarios.many_at_once(address, 64)
    before = web_guest.resources()
    httpd_scenarios.one_after_the_other(address)
    httpd_scenarios.many_in_step(address)
    httpd_scenarios.new_connections(address, requests=2000)
    assert web_guest.resources() == before
