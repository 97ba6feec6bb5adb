"""The rules of the house hold, and each check finds what it is there to find."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lint"))
import conformance  # noqa: E402
import documents  # noqa: E402
import house  # noqa: E402
import includes  # noqa: E402
import lengths  # noqa: E402
import sources  # noqa: E402
import words  # noqa: E402


@pytest.mark.parametrize("module", house.CHECKS, ids=[module.__name__ for module in house.CHECKS])
def test_house(module):
    assert not list(module.check())


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """tree({path: text}): a small repository in the place of ours."""
    monkeypatch.setattr(sources, "TOP", tmp_path)

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return make


def test_wrong_direction_is_found(tree):
    tree({"libs/net/wire/tcp.h": '#include <net/tcp/tcp.h>\n', "libs/net/tcp/tcp.h": "", "libs/os/os.h": "",
          "libs/net/net.c": "#include <os/os.h>\n", "servers/fs/main.c": '#include "../shell/line.h"\n',
          "servers/shell/line.h": "", "kernel/main.c": "#include <os/os.h>\n"})
    assert len([line for line in includes.check() if "may not" in line]) == 4


def test_circle_is_found(tree):
    tree({"libs/base/a.h": '#include "b.h"\n', "libs/base/b.h": '#include "c.h"\n', "libs/base/c.h": '#include "a.h"\n'})
    assert [line for line in includes.check() if "circle" in line]


def test_include_in_a_comment_is_none(tree):
    tree({"libs/base/a.h": '/*\n#include <os/os.h>\n*/\n', "libs/os/os.h": ""})
    assert not list(includes.check())


def test_long_function_is_found(tree):
    body = "".join(f"    x = {n};\n" for n in range(70))
    tree({"libs/base/a.c": f"static int long_one(int x)\n{{\n{body}    return x;\n}}\n"
                           "struct table table[] = {\n" + "    {1},\n" * 80 + "};\n"
                           "enum error short_one(void) {\n    return 0;\n}\n"})
    assert [name for name, _, _ in lengths.functions(pathlib.Path("libs/base/a.c"))] == ["long_one", "short_one"]
    assert "long_one" in next(lengths.check())


def test_missing_name_is_found(tree):
    tree({"ARCHITECTURE.md": "see `libs/base/gone.c` and `vanished()`, `libs/base/a.c`, `here()`\n",
          "libs/base/a.c": "void here(void);\n"})
    assert len(list(documents.check())) == 2


def test_loose_end_is_found(tree):
    tree({"libs/base/a.c": "int x; // TO" + "DO: more\n#if " + "0\n"})
    assert len(list(words.check())) == 2


def test_untold_test_is_found(tree):
    tree({"libs/net/CONFORMANCE.md": "| number | asks for | state | tests |\n|---|---|---|---|\n"
                                     "| 1 | there | done | `test_a.c:test_one`, `test_b.py:test_two` |\n"
                                     "| 2 | gone | done | `test_a.c:test_gone` |\n| 3 | no test | done | sure |\n"
                                     "| 4 | not run | done | `test_a.c:test_loose` |\n| 5 | no state | maybe | - |\n"
                                     "| 6 | fine | not done | nobody asks |\n",
          "libs/net/tests/test_a.c": "static void test_one(void **state) {}\nstatic void test_loose(void **state) {}\n"
                                     "cmocka_unit_test(test_one)\n",
          "tools/tests/test_b.py": "def test_two(wire):\n    pass\n"})
    assert [line.split(":")[1] for line in conformance.check()] == ["4", "5", "6", "7"]
