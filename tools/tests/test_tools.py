"""The tools of the developer's machine: archive, disk, package sources, set-up, and the one line for each mistake."""
import hashlib
import importlib.machinery
import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
import tarfile

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS))
import debian  # noqa: E402
import qemu  # noqa: E402

PROGRAM = sorted((qemu.TOP / "build/release/programs").glob("*.elf"))[:1]


def run(*words, **environment):
    """Runs a tool; returns (status, output, error output)."""
    done = subprocess.run(words, cwd=qemu.TOP, capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def test_boot_archive_is_the_same_each_time(tmp_path):
    manifest = tmp_path / "manifest"
    manifest.write_text("one line\n", encoding="ascii")
    archives = []
    for name in ("a.tar", "b.tar"):
        assert run(TOOLS / "boot-archive", tmp_path / name, manifest, "", *PROGRAM)[0] == 0
        archives.append((tmp_path / name).read_bytes())
        os.utime(manifest, (1, 1))
    assert archives[0] == archives[1]
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.extractfile("manifest").read() == b"one line\n"
        names = [name for name in tar.getnames() if name != "padding"]
        assert names == sorted(names)
        for program in PROGRAM:
            assert tar.extractfile(f"bin/{program.stem}").read(4) == b"\x7fELF"
            lines = tar.extractfile(f"sym/{program.stem}").read().decode().splitlines()
            addresses = [int(line.split()[0], 16) for line in lines]
            assert addresses == sorted(addresses) and any(line.endswith(" _start") for line in lines)


def test_disk_image_is_fat32_and_clean(tmp_path):
    tree = tmp_path / "tree"
    (tree / "www").mkdir(parents=True)
    (tree / "www/a page with a long name.html").write_bytes(b"x" * 5000)
    image = tmp_path / "disk.img"
    assert run(TOOLS / "disk-image", image, tree)[0] == 0
    assert run("/usr/sbin/fsck.fat", "-n", image)[0] == 0
    with open(image, "rb") as file:
        assert file.read(90)[82:90] == b"FAT32   "
    (tree / "www/new.html").write_bytes(b"new")
    assert run(TOOLS / "disk-image", "--update", image, tree)[0] == 0
    assert run("mtype", "-i", image, "::/www/new.html")[1] == "new"
    assert run("/usr/sbin/fsck.fat", "-n", image)[0] == 0


@pytest.fixture
def mirror(tmp_path):
    """mirror({file name: text}): the mirror that debian.py finds in an /etc/apt with these files."""
    def find(files):
        (tmp_path / "sources.list.d").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return debian.mirror(tmp_path, "bookworm")
    return find


def test_mirror_in_the_one_line_form(mirror):
    found = mirror({"sources.list": "# deb http://commented.example/debian bookworm main\n"
                             "deb-src http://source.example/debian bookworm main\n"
                             "deb [arch=amd64] http://other.example/x bookworm-x main\n"
                             "deb [signed-by=/k arch=amd64] http://mirror.example/debian bookworm main contrib\n"})
    assert found == "http://mirror.example/debian"


def test_mirror_in_the_stanza_form(mirror):
    found = mirror({"sources.list.d/a.sources": "Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\n"
                                         "Components: main\nEnabled: no\n",
             "sources.list.d/debian.sources": "# the archive\nTypes: deb deb-src\nURIs: http://mirror.example/debian\n"
                                              "Suites: bookworm bookworm-updates\nComponents: main\n"
                                              "Signed-By: /k\n\nTypes: deb\nURIs: http://security.example/\n"
                                              "Suites: bookworm-security\nComponents: main\n"})
    assert found == "http://mirror.example/debian"


def test_no_mirror_is_said(mirror):
    with pytest.raises(debian.Failure):
        mirror({"sources.list": "deb http://mirror.example/debian sid main\n"})


def test_setup_names_what_is_missing(tmp_path):
    """Without root, sudo and the tools: one line with the packages, and no attempt."""
    for name in ("cat", "sort", "tr", "id"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    script = (TOOLS / "setup").read_text(encoding="utf-8").replace("PATH=$PATH:/usr/sbin:/sbin", "")
    copy = tmp_path / "setup"
    copy.write_text(script, encoding="utf-8")
    status, _, error = run("/bin/sh", str(copy), "run", PATH=str(tmp_path))
    assert status == 1 and len(error.splitlines()) == 1
    assert "clang" in error and "mtools" in error and "qemu-system" in error


def test_setup_does_nothing_when_all_is_there():
    assert run(TOOLS / "setup", "run", "test") == (0, "", "")


@pytest.mark.parametrize("variables, word", [({"CPUS": "none"}, "CPUS"), ({"NET": "avian"}, "NET"), ({"MEM": "1"}, "MEM"),
                                             ({"PORT": "0"}, "PORT"), ({"NET": "dgram", "DGRAM": "x"}, "DGRAM"),
                                             ({"NET": "relay", "PORT": "0"}, "PORT")])
def test_run_explains_a_wrong_setting(variables, word):
    status, _, error = run(TOOLS / "run", **variables)
    assert status == 1 and word in error and len(error.splitlines()) == 1


def test_run_explains_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        status, _, error = run(TOOLS / "run", PORT=port)
    assert status == 1 and port in error and len(error.splitlines()) == 1


def test_help_lists_goals_and_variables():
    _, output, _ = run("make", "help")
    for word in ("run", "test", "bench", "CPUS", "PCAP", "RUN"):
        assert word in output


def test_pinned_package_is_fetched_only_with_its_hash(tmp_path, monkeypatch):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "a.deb").write_bytes(b"a package")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(debian, "mirror", lambda: f"copy:{tmp_path}")
    archive = debian.Archive([])
    good = hashlib.sha256(b"a package").hexdigest()
    assert archive.fetch_pinned("pool/a.deb", good, tmp_path / "debs").read_bytes() == b"a package"
    (tmp_path / "debs" / "a.deb").unlink()
    with pytest.raises(debian.Failure):
        archive.fetch_pinned("pool/a.deb", hashlib.sha256(b"another").hexdigest(), tmp_path / "debs")


def test_pins_serve_only_when_the_lists_do_not(tmp_path):
    class Archive:
        works = False

        def update(self):
            if not self.works:
                raise debian.Failure("no lists")

        def download(self, names, _):
            return [f"newest {name}" for name in names]

        def fetch_pinned(self, place, _, __):
            return place

    loader = importlib.machinery.SourceFileLoader("sysroot", str(TOOLS / "sysroot"))
    sysroot = importlib.util.module_from_spec(importlib.util.spec_from_loader("sysroot", loader))
    loader.exec_module(sysroot)
    name = next(iter(sysroot.PINS))
    assert sysroot.fetch(Archive(), [name], tmp_path) == [sysroot.PINS[name][0]]
    with pytest.raises(debian.Failure):
        sysroot.fetch(Archive(), [name, "unknown/trixie"], tmp_path)
    Archive.works = True
    assert sysroot.fetch(Archive(), [name], tmp_path) == [f"newest {name}"]
