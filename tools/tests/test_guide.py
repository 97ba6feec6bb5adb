"""ARCHITECTURE.md's "How to write a server", done word by word on a copy of the tree."""
import re
import shlex
import shutil
import subprocess

import pytest
import qemu

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def tree(tmp_path):
    """A copy of the tree with what is built already, so that only what the guide adds is compiled."""
    copy = tmp_path / "tree"
    skip = shutil.ignore_patterns(".git", "disk*.img", "host", "debug", "__pycache__")
    shutil.copytree(qemu.TOP, copy, ignore=skip, symlinks=True)
    return copy


def steps():
    text = qemu.TOP.joinpath("ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("\n## How to write a server\n")[1].split("\n## ")[0]
    return BLOCK.findall(section)


def test_the_guide_works(tree, tmp_path, make_guest):
    commands = None
    for language, name, body in steps():
        if name:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
        elif body.startswith("make run"):
            commands = shlex.split(body)[-1].removeprefix("RUN=")
        else:
            assert language == "sh"
            subprocess.run(["bash", "-eu", "-c", body], cwd=tree, check=True)
    subprocess.run(["make", "--no-print-directory", "kernel", "programs", "build/release/boot.tar"], cwd=tree,
                   check=True, capture_output=True, text=True, timeout=600)
    guest = make_guest(append=qemu.run_option(commands), top=tree).start()
    assert guest.wait_exit() == 1       # the last count refuses
    said = guest.serial.text()
    assert re.search(r"^3\n7\ncount: .*large", said, re.M), said[-2000:]
