"""The unit tests of the libraries, the kernel's logic and the servers' parts: programs in build/host/tests."""
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "build/host/tests"
PROGRAMS = sorted(path for path in FOLDER.rglob("test_*") if path.is_file() and os.access(path, os.X_OK))


@pytest.mark.parametrize("program", PROGRAMS, ids=[str(path.relative_to(FOLDER)) for path in PROGRAMS])
def test_host(program):
    done = subprocess.run([program], cwd=TOP, capture_output=True, text=True, errors="replace", timeout=600, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]


def test_some_are_there():
    assert PROGRAMS, "no unit tests were built; `make host-test-programs` builds them"
