#!/usr/bin/python3
"""libs/net/PORTING.md: what it says is compiled, run and measured.

As a program it is Linux's side of the example, inside of a network namespace; its argument is the example's program.
"""
import functools
import hashlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading

import pytest
from scapy.all import ARP, ICMP, IP, TCP, Ether, Raw

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import linux_end  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TOP / "libs/net/PORTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```c (\S+)\n(.*?)^```$", re.M | re.S)
OURS, LINUX, PATIENCE = linux_end.GUEST, linux_end.OWN, 60
STRING_H = """
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
size_t strnlen(const char *, size_t);
char *strncpy(char *, const char *, size_t);
"""
MINE = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "strnlen", "strncpy"}
DIVISION = re.compile(r"__(aeabi_)?u?(div|l?div|ldiv)(di3|mod)$|__aeabi_u?ldivmod$|__aeabi_mem\w+$")
TARGETS = {"riscv64-unknown-elf": ("-march=rv64gc", "-mabi=lp64d", "-fno-pic"), "armv7m-none-eabi": ("-fno-pic",)}
MEASURE = r"""
#include <net/net.h>
#include <stdio.h>
#include <stdlib.h>

static size_t tables(uint32_t sockets, size_t size) {
    struct net_config config = {.mtu = 1500, .sockets_max = sockets, .owner_budget = 65536, .send_buffer = 4096,
                                .receive_buffer = 4096};
    void *memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
    struct net_usage usage = {.arena_size = size};
    struct net *net;
    if (net_init(&net, &config, memory, size, 0) == ERR_NONE) {
        net_usage(net, &usage);
    }
    free(memory);
    return size - usage.arena_size;
}

int main(int count, char **arguments) {
    uint32_t sockets = (uint32_t)atoi(arguments[1]);
    size_t least = 0, most = 8 << 20;
    while (most - least > 64) {
        size_t middle = (least + most) / 2;
        *(tables(sockets, middle) != 0 ? &most : &least) = middle;
    }
    printf("%zu %zu\n", most, tables(sockets, 8 << 20));
    return count != 2;
}
"""


@pytest.fixture(name="taken", scope="module")
def taken_away(tmp_path_factory):
    """The two folders, as one would take them, and the page's files."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for part in ("net", "base"):
        shutil.copytree(TOP / "libs" / part, folder / "libs" / part, ignore=shutil.ignore_patterns("tests", "fuzz", "*.md", "*.mk"))
    for name, text in BLOCK.findall(PAGE):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "include").mkdir()
    (folder / "include/string.h").write_text(STRING_H, encoding="ascii")
    return folder


def sources(folder):
    return [str(path) for path in sorted(folder.glob("libs/**/*.c"))]


def libraries(kind):
    """The same sources, compiled already; host: with sanitizers."""
    return [TOP / f"build/{kind}/lib/lib{name}.a" for name in ("net", "base")]


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(name="program", scope="module")
def build(taken):
    run(["clang", "-std=gnu2x", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-Ilibs", "-I.", "port.c", "posix.c", *libraries("host"), "-o", "port"], taken)
    return taken / "port"


# ---- What to take ----

@functools.cache
def compiled(taken, target):
    """The object files of these sources, compiled with nothing but the compiler's headers and the few functions."""
    names = [*sources(taken), str(taken / "port.c")]
    out = taken / f"{target}-objects"
    for folder in {pathlib.Path(name).parent for name in names}:    # for files of several folders have the same name
        there = out / folder.relative_to(taken)
        there.mkdir(parents=True, exist_ok=True)
        run(["clang", f"--target={target}", *TARGETS[target], "-std=c2x", "-ffreestanding", "-nostdlibinc", "-isystem", taken / "include",
             "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-Os", f"-I{taken / 'libs'}", f"-I{taken}", "-c",
             *(name for name in names if pathlib.Path(name).parent == folder)], there)
    objects = sorted(out.glob("**/*.o"))
    assert len(objects) == len(names)
    return objects


def symbols(objects):
    """(kind as nm has it, name) of each."""
    return [tuple(line.split()[-2:]) for line in run(["llvm-nm", *objects], TOP).splitlines() if len(line.split()) > 1]


def undefined(objects):
    return {name for kind, name in symbols(objects) if kind == "U"} - {name for kind, name in symbols(objects) if kind != "U"}


@pytest.mark.parametrize("target", TARGETS)
def test_it_needs_nothing_else(taken, target):
    objects = compiled(taken, target)
    rest = {name for name in undefined(objects) if name not in MINE and not name.startswith("system_")}
    bits = 64 if "64" in target else 32
    assert all(bits == 32 and DIVISION.match(name) for name in rest), rest


def test_big_endian_is_refused(taken):
    done = subprocess.run(["clang", "--target=powerpc64-none-elf", "-std=c2x", "-ffreestanding", "-nostdlibinc", "-isystem", "include",
                           "-Ilibs", "-fsyntax-only", "libs/net/wire/checksum.c"], cwd=taken, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode != 0 and "static_assert" in done.stderr


def near(said, measured):
    return abs(measured - said) <= said * 0.1


def test_the_code_is_as_large_as_the_page_says(taken):
    objects = [path for path in compiled(taken, "riscv64-unknown-elf") if path.name != "port.o"]
    text = run(["llvm-size", "-t", *objects], TOP).splitlines()[-1].split()[0]
    said = int(re.search(r"about (\d+) KiB of code", PAGE)[1])
    assert near(said, int(text) / 1024), text
    variables = [name for kind, name in symbols(objects) if kind in "DdBbGgSsC" and not name.startswith(".L")]
    assert not variables


def test_the_tables_are_as_large_as_the_page_says(taken):
    (taken / "measure.c").write_text(MEASURE, encoding="ascii")
    run(["clang", "-std=gnu2x", "-O1", "-Ilibs", "measure.c", *libraries("plain"), "-o", "measure"], taken)
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.M)
    assert len(rows) >= 5
    for row in rows:
        sockets, *said = (int(word.replace(",", "")) for word in row)
        measured = [int(word) for word in run([taken / "measure", str(sockets)], taken).split()]
        assert all(map(near, said, measured)), (sockets, said, measured)


# ---- The example ----

class Cable:
    """A cable whose one end is the example's descriptor 0; frames come and go at the other."""

    def __init__(self, program):
        self.end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.settimeout(PATIENCE)
        self.process = subprocess.Popen([program], stdin=theirs)
        theirs.close()

    def send(self, packet):
        self.end.send(bytes(packet))

    def receive(self, layer):
        while True:
            frame = Ether(self.end.recv(2000))
            if frame.haslayer(layer):
                return frame

    def ask(self, packet, layer):
        self.send(packet)
        return self.receive(layer)


@pytest.fixture(name="cable")
def plugged(program):
    cable = Cable(program)
    yield cable
    cable.process.kill()
    cable.process.wait()
    cable.end.close()


def test_the_example_answers(cable):
    answer = cable.ask(Ether(src="02:00:00:00:00:99", dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=LINUX, pdst=OURS, hwsrc="02:00:00:00:00:99"), ARP)
    while answer[ARP].op != 2:      # it announces itself too
        answer = cable.receive(ARP)
    assert answer.src == "02:00:0a:09:00:01" and answer[ARP].psrc == OURS
    down = Ether(src="02:00:00:00:00:99", dst=answer.src) / IP(src=LINUX, dst=OURS)
    answer = cable.ask(down / ICMP(id=7, seq=9) / Raw(b"abc" * 20), ICMP)
    assert answer[ICMP].type == 0 and bytes(answer[Raw])[:60] == b"abc" * 20
    syn_ack = cable.ask(down / TCP(sport=4000, dport=7, seq=1000, flags="S"), TCP)[TCP]
    assert syn_ack.flags == "SA" and syn_ack.ack == 1001
    text = cable.ask(down / TCP(sport=4000, dport=7, seq=1001, ack=syn_ack.seq + 1, flags="PA") / Raw(b"hello"), Raw)
    assert bytes(text[Raw])[:5] == b"hello" and text[TCP].seq == syn_ack.seq + 1
    answer = cable.ask(down / TCP(sport=4000, dport=7, seq=1006, ack=syn_ack.seq + 6, flags="FA"), TCP)
    while "F" not in answer[TCP].flags:
        answer = cable.receive(TCP)
    assert answer[TCP].ack == 1007
    refused = cable.ask(down / TCP(sport=4001, dport=8, seq=1, flags="S"), TCP)[TCP]
    assert refused.flags == "RA"


def main():
    """Linux's side: four at a time send 2 MiB each, and compare what comes back."""
    tap = linux_end.make_tap()
    with subprocess.Popen([sys.argv[1]], stdin=tap) as port:
        failures = []

        def exchange(number):
            data = os.urandom(1 << 16) * 32
            with socket.create_connection((OURS, 7), PATIENCE) as link:
                threading.Thread(target=lambda: (link.sendall(data), link.shutdown(socket.SHUT_WR)), daemon=True).start()
                digest = hashlib.sha256()
                while piece := link.recv(1 << 16):
                    digest.update(piece)
            if digest.digest() != hashlib.sha256(data).digest():
                failures.append(number)

        for _ in range(2):
            threads = [threading.Thread(target=exchange, args=(number,), daemon=True) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(2 * PATIENCE)
                if thread.is_alive():
                    failures.append("hangs")
        port.kill()
    assert not failures, failures


@pytest.mark.skipif(bool(linux_end.missing()), reason=linux_end.missing())
def test_the_example_beside_linux(program):
    done = subprocess.run([*linux_end.namespace(), sys.executable, "-B", __file__, str(program)], cwd=TOP, capture_output=True,
                          text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    main()
