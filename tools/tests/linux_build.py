"""Programs of servers/tests, compiled for this machine's Linux too, so that both systems can be asked the same."""
import pathlib
import platform
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


def compile_for_linux(name, folder):
    """Returns the program. The C library knows only the beginning of struct tcp_info: our header has all of it."""
    if platform.system() != "Linux":
        pytest.skip("needs Linux for comparison")
    (folder / "netinet").mkdir()
    (folder / "netinet/tcp.h").write_text((TOP / "libs/posix/include/netinet/tcp.h").read_text())
    source = TOP / "servers/tests" / name
    subprocess.run(["clang", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{folder}", "-iquote", source,
                    *source.glob("*.c"), "-o", folder / name], check=True)
    return folder / name
