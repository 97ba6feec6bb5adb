"""How sockets behave, beside this machine's Linux: one program, compiled for both, says it line by line."""
import contextlib
import re
import subprocess

import linux_end
import pytest
from guest import KINDS
from linux_build import compile_for_linux
from linux_wire import LinuxWire

# What differs, and why. A line's words before the colon, as a pattern.
DIFFERENT = {
    r"stream SO_RCVLOWAT=(-1|-?21474836..)": "half the largest receive buffer, which is smaller here",
    r"\w+ SO_LINGER 1, -1 in 8 bytes": "a time without end; Linux tells another number",
    r"stream TCP_CONGESTION .* in (0|3|20) bytes": "the usual one, which each machine has its own of",
    r"(fresh|sent)": "Linux counts the SYN as an acknowledged byte",
}


def lines_of(output):
    return output.replace("\r", "").strip().splitlines()


@pytest.fixture(scope="module")
def linux(tmp_path_factory):
    """What this machine's Linux says; in a namespace of its own if possible, for who else has ports makes a difference."""
    program = compile_for_linux("manners", tmp_path_factory.mktemp("manners"))
    if linux_end.missing():
        return lines_of(subprocess.run([program], check=True, capture_output=True, text=True, timeout=100).stdout)
    with contextlib.closing(LinuxWire()) as wire:
        wire.ask("begin", [str(program)])
        return lines_of(wire.ask("finish"))


@pytest.mark.parametrize("build, cpus", KINDS[:1] + KINDS[-1:])
def test_manners(make_guest, linux, build, cpus):
    guest = make_guest(build=build, cpus=cpus).boot()
    ours = lines_of(guest.ok("manners", limit=100))
    assert [line.split(": ")[0] for line in ours] == [line.split(": ")[0] for line in linux]
    unlike = [f"here {here}; Linux {there}" for here, there in zip(ours, linux) if here != there
              and not any(re.fullmatch(pattern, here.split(": ")[0]) for pattern in DIFFERENT)]
    assert not unlike, "\n".join(unlike)
    assert guest.shutdown() == 0
