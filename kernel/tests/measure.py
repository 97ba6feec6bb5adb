#!/usr/bin/python3
"""measure.py KERNEL: what an IPC round trip costs, by counts that do not depend on the machine it runs on.

Instructions are exact under -icount. TLB flushes come from the emulator's own statistics, as the difference
between a long and a short run of the self-test's benchmark, whose round trips number 2.1 times its rounds.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

SHORT, LONG = 20, 20000
ROUND_TRIPS = (LONG - SHORT) * 2 + (LONG - SHORT) // 10


def qemu(kernel, append, *more):
    """Starts the self-test's kernel."""
    command = ["qemu-system-riscv64", "-machine", "virt", "-m", "128", "-display", "none", "-serial", "stdio",
               "-no-reboot", "-kernel", kernel, "-append", append, *more]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def lines_until(machine, mark):
    """The console's lines up to the one with the mark."""
    lines = []
    for line in machine.stdout:
        lines.append(line.strip())
        if mark in line:
            break
    return lines


def flushes(kernel, append):
    """How often the emulator dropped the TLB; it counts each flush once for each of 8 modes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "monitor")
        machine = qemu(kernel, append + " linger", "-monitor", f"unix:{path},server=on,wait=off")
        lines_until(machine, "passed,")
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(path)
            monitor.sendall(b"info jit\n")
            time.sleep(0.5)
            text = monitor.recv(1 << 16).decode(errors="replace")
        machine.kill()
        machine.wait()
    return sum(int(count) for count in re.findall(r"TLB (?:partial|elided) flushes\s+(\d+)", text)) / 8


def main():
    kernel = sys.argv[1]
    machine = qemu(kernel, "only-bench", "-monitor", "none", "-icount", "shift=0")
    for line in lines_until(machine, "passed,"):
        if "BENCH" in line:
            print(re.sub(r"BENCH (.*) instructions=(\d+) ns=\d+", r"\1: \2 instructions", line))
    machine.wait()
    count = flushes(kernel, "only-bench") - flushes(kernel, "only-bench short")
    print(f"TLB flushes per round trip: {count / ROUND_TRIPS:.2f}")


if __name__ == "__main__":
    main()
