"""The stub generator: what it refuses, where it says so, and that what it makes compiles and checks."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDL = ROOT / "tools/idl/idl.py"


def generate(tmp_path, text):
    """(exit status, error text, header) for an interface file of this text."""
    source, header = tmp_path / "x.idl", tmp_path / "x.h"
    source.write_text(text, encoding="utf-8")
    run = subprocess.run([sys.executable, IDL, source, header], capture_output=True, text=True, check=False)
    return run.returncode, run.stderr, header.read_text(encoding="utf-8") if header.exists() else ""


@pytest.mark.parametrize("text, line, words", [
    ("interface x 3;", 1, "expected '='"),
    ("interface x = y;", 1, "expected a number"),
    ("interface x = 1;\n\nfunction f();", 3, "expected const, struct or call"),
    ("interface x = 1;\ncall f(u64 a, u64 b, u64 c, u64 d, u64 e);", 2, "5 scalars in one direction"),
    ("interface x = 1;\ncall f(bytes a[1], string b[2]);", 2, "2 payloads"),
    ("interface x = 1;\ncall f(handle a, handle b, handle c, handle d, handle e);", 2, "5 handles"),
    ("interface x = 1;\ncall f(bytes a[65537]);", 2, "1 to 65536 bytes"),
    ("interface x = 1;\ncall f(string a[65536]);", 2, "1 to 65536 bytes"),
    ("interface x = 1;\ncall f(struct s a);", 2, "struct s is not defined"),
    ("interface x = 1;\ncall f(float a);", 2, "'float' is no type"),
    ("interface x = 1;\ncall f(move u32 a);", 2, "only a handle"),
    ("interface x = 1;\ncall f(u32 a, u32 a);", 2, "two parameters are called a"),
    ("interface x = 1;\ncall f(u32 x);", 2, "interface's own name"),
    ("interface x = 1;\ncall f();\ncall f();", 3, "call f is there already"),
    ("interface x = 1;\nconst A = 1;\nconst A = 2;", 3, "constant A is there already"),
    ("interface x = 1;\ncall f() errors NONSENSE;", 2, "ERR_NONSENSE is not in libs/base/error.h"),
    ("interface x = 1;\nstruct s {\n u32 a; u64 b; }", 3, "4 bytes of padding ahead of b"),
    ("interface x = 1;\nstruct s { u64 a; u32 b; }", 2, "4 bytes of padding"),
    ("interface x = 1;\nstruct s { handle a; }", 2, "cannot be in a struct"),
    ("interface x = 1;\n/* a\n comment */\ncall f(?);", 4, "stray character '?'"),
    ("interface x = 1;\ncall f()", 2, "expected ';', found 'the end of the file'"),
])
def test_mistakes_are_reported_with_their_line(tmp_path, text, line, words):
    status, error, header = generate(tmp_path, text)
    assert status == 1
    assert f"x.idl:{line}: " in error and words in error
    assert "Traceback" not in error and header == ""


def test_comments_and_errors_reach_the_header(tmp_path):
    status, _, header = generate(tmp_path, "interface x = 7;\n/* Does it. */\ncall f(u8 a) -> (i64 b) errors IO, BUSY;")
    assert status == 0
    assert "/* Does it. */\n/* ERR_IO, ERR_BUSY. */\nstatic inline enum error x_f(handle_t x, uint8_t a, int64_t *b)" in header
    assert "#define X_CALL_F 0x700000001ull" in header


EVERYTHING = """interface x = 9;
const LIMIT = 0x10;
struct point { i32 x; i32 y; bytes raw[6]; u16 tail; string name[7]; }
struct pair { struct point a; struct point b; }
call scalars(u8 a, i32 b, bool c, u64 d) -> (u16 e, i64 f, bool g, u32 h);
call text(string name[8]) -> (string back[8]);
call data(bytes in[100]) -> (bytes out[100]);
call values(struct pair in) -> (struct point out);
call handles(handle a, optional handle b, move handle c, optional move handle d) -> (handle e, move handle f, optional handle g);
"""


def test_what_it_makes_compiles_without_warnings(tmp_path):
    status, error, _ = generate(tmp_path, EVERYTHING)
    assert status == 0, error
    program = tmp_path / "x.c"
    program.write_text('#include "x.h"\nint main(void) { return X_LIMIT != 16 || sizeof(struct x_pair) != 48; }\n', encoding="utf-8")
    subprocess.run(["clang", "-std=gnu2x", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/libs", program, "-c", "-o", tmp_path / "x.o"],
                   check=True)


def test_messages_arrive_as_they_were_sent(tmp_path):
    generate(tmp_path, EVERYTHING)
    stubs = [ROOT / "libs/os" / name for name in ("stub.c", "stub_server.c")]
    program = tmp_path / "roundtrip"
    subprocess.run(["clang", "-std=gnu2x", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
                    f"-I{ROOT}/tools/tests/idl/fake", f"-I{ROOT}/libs", f"-I{tmp_path}",
                    ROOT / "tools/tests/idl/roundtrip.c", *stubs, "-o", program], check=True)
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_interface_of_the_system_is_sound(tmp_path):
    numbers = {}
    for source in sorted((ROOT / "libs/ipc").glob("*.idl")):
        status, error, header = generate(tmp_path, source.read_text(encoding="utf-8"))
        assert status == 0, error
        number = source.read_text(encoding="utf-8").split("=")[1].split(";")[0].strip()
        assert number not in numbers, f"{source.name} and {numbers.get(number)} share a number"
        numbers[number] = source.name
        assert f"interface {source.stem} = " in source.read_text(encoding="utf-8")
        assert header
