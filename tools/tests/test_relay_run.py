"""`make run NET=relay`: the shell behind a bad cable, with nothing but a user's rights."""
import os
import re
import subprocess

import peers
import qemu

LIMIT = 300                     # seconds: ends a test that hangs; measures nothing


def run(**variables):
    variables.setdefault("PORT", str(qemu.free_port()))
    return subprocess.run([qemu.TOP / "tools/run"], env={**os.environ, "NET": "relay", **variables}, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)


def test_a_download_over_a_bad_cable(file_server):
    (file_server.folder / "file").write_bytes(peers.pattern(1 << 20))
    done = run(RELAY="loss=2% delay=2ms", SEED="3", RUN=f"http -o /dev/null http://10.0.2.2:{file_server.port}/file")
    assert done.returncode == 0, done.stdout + done.stderr
    ways = re.findall(r"^  RELAY  \w.*: (\d+) taken, (\d+) lost", done.stdout, re.M)
    assert len(ways) == 2 and int(ways[1][0]) > 700 and all(int(lost) > 0 for _, lost in ways), done.stdout


def test_a_cable_that_lets_nothing_through(file_server):
    done = run(RELAY="loss=100%", RUN=f"http -o /dev/null http://10.0.2.2:{file_server.port}/")
    assert done.returncode not in (0, 2), done.stdout + done.stderr


def test_words_that_are_no_link():
    done = run(RELAY="loss=1", RUN="help")
    assert done.returncode == 1 and "loss=1" in done.stderr and "BOOT" not in done.stdout
