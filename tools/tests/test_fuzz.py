"""The fuzzers: what once was found is tried again, and a short run by chance, always the same."""
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "build/fuzz"
FUZZERS = sorted(path for path in FOLDER.glob("*/fuzz_*") if path.is_file() and os.access(path, os.X_OK))
RUNS = {"fuzz_wire": 100000, "fuzz_text": 20000, "fuzz_message": 20000}


def seeds_of(program):
    return TOP / "libs" / program.parent.name / "fuzz/seeds" / program.name.removeprefix("fuzz_")


def fuzz(program, *arguments):
    done = subprocess.run([program, "-timeout=60", *arguments], cwd=TOP, capture_output=True, text=True, errors="replace",
                          timeout=900, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stderr


@pytest.mark.parametrize("program", FUZZERS, ids=[path.name for path in FUZZERS])
def test_fuzz(program, tmp_path):
    seeds = seeds_of(program)
    files = sorted(seeds.iterdir()) if seeds.is_dir() else []
    if files:
        assert f"{files[-1].name}" in fuzz(program, *files)
    (tmp_path / "found").mkdir()
    folders = [tmp_path / "found"] + ([seeds] if files else [])
    fuzz(program, "-seed=1", f"-runs={RUNS.get(program.name, 3000)}", "-entropic=0", "-max_len=1000",
         f"-artifact_prefix={tmp_path}/", *folders)


def test_some_are_there():
    assert FUZZERS, "no fuzzers were built; `make fuzz-programs` builds them"
