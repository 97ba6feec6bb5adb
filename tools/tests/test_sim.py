"""The simulator: worlds of engines over bad links, one a seed, with everything checked that must always hold."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
SIMULATE = TOP / "build/host/bin/simulate"


def simulate(*words):
    done = subprocess.run([SIMULATE, *words], cwd=TOP, capture_output=True, text=True, timeout=600, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def test_a_thousand_worlds():
    status, output = simulate("0..999")
    assert status == 0, output[-20000:]
    assert "1000 worlds, 0 failed" in output


def test_the_same_seed_gives_the_same_frames():
    status, output = simulate("-r", "1000..1099")
    assert status == 0, output[-20000:]


def test_worlds_differ():
    traces = set()
    for seed in range(8):
        status, output = simulate(str(seed))
        assert status == 0, output[-20000:]
        traces.add(re.search(r"trace ([0-9a-f]{16})", output)[1])
    assert len(traces) == 8


def test_every_frame_can_be_seen():
    status, output = simulate("-v", "3")
    assert status == 0
    frames = int(re.search(r"(\d+) frames", output)[1])
    assert len(re.findall(r"^[1-4] +\d+\.\d{6} ", output, re.M)) == frames


def test_goodput_is_what_it_was():
    """The kept table, exactly; what changes it has to say why."""
    done = subprocess.run(["tools/goodput", "check"], cwd=TOP, capture_output=True, text=True, timeout=300, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def test_wrong_words_are_refused():
    for words in ((), ("x",), ("5..3",), ("-j", "0", "1"), ("1", "2")):
        assert simulate(*words)[0] == 2
