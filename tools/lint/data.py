"""No object of base, ring, virtio, net and http has writable data: two instances in one process just work."""
import subprocess

import sources

PURE = ("base", "ring", "virtio", "net", "http")
# Filled in by the linker and read-only afterwards.
CONSTANT_SECTIONS = (".data.rel.ro",)


def writable(archive):
    """Yields (object, symbol) of the writable data in an archive."""
    table = subprocess.run(["llvm-readelf", "--symbols", "--sections", "--wide", archive], check=True,
                           capture_output=True, text=True).stdout
    member, names = "", {}
    for line in table.splitlines():
        words = line.split()
        if line.startswith("File:"):
            member, names = line.partition("(")[2].rstrip(")"), {}
        elif line.startswith("  [") and words[0] == "[" or line.lstrip().startswith("[") and "]" in line:
            number, _, rest = line.partition("[")[2].partition("]")
            names[number.strip()] = (rest.split() or [""])[0]
        elif len(words) == 8 and words[3] in ("OBJECT", "TLS", "COMMON"):
            section = "COMMON" if words[6] == "COM" else names.get(words[6], "")
            if section.startswith((".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss", "COMMON")):
                if not section.startswith(CONSTANT_SECTIONS):
                    yield member, words[7]


def check():
    for build in ("release", "debug"):
        for name in PURE:
            archive = sources.TOP / "build" / build / "lib" / f"lib{name}.a"
            if archive.exists():
                for member, symbol in writable(archive):
                    yield f"libs/{name}: {member} has writable data: {symbol} ({build})"
