"""The kernel's test of itself: a first task that tries every call, well and badly, without any server."""
import re
import subprocess

import pytest
import qemu
from guest import KINDS


@pytest.mark.parametrize("build, cpus", KINDS)
def test_kernel(build, cpus):
    image = qemu.TOP / "build" / build / "selftest/minato.elf"
    done = subprocess.run(["qemu-system-riscv64", "-machine", "virt", "-m", "128", "-smp", str(cpus), "-display", "none",
                           "-serial", "stdio", "-monitor", "none", "-no-reboot", "-kernel", image], timeout=300,
                          capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False)
    verdict = re.search(r"(\d+) passed, 0 failed", done.stdout)
    assert verdict and done.returncode == 0, done.stdout[-3000:] + done.stderr
