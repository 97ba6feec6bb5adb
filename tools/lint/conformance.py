"""The tests that libs/net/CONFORMANCE.md names are there and are run, and whatever is done has one."""
import re

import sources

TABLE = "libs/net/CONFORMANCE.md"
STATES = ("done", "untested", "partly", "not done", "none of ours")
TEST = re.compile(r"`(test_\w+\.(?:c|py)):(\w+)`")
ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$")


def runs(name, text):
    """Whether a test's file runs the function: cmocka wants it listed beside its definition, pytest finds it by name."""
    def occurs(pattern):
        return re.search(pattern, text, re.M)
    if name.startswith("test_") and occurs(rf"^def {name}\("):
        return True
    return bool(occurs(rf"^static void {name}\(void \*\*")) and len(re.findall(rf"\b{name}\b", text)) > 1


def texts():
    """{file name: the texts of all test files of that name}."""
    found = {}
    for folder in ("libs", "tools", "servers"):
        for path in sorted((sources.TOP / folder).rglob("test_*")):
            if path.suffix in (".c", ".py"):
                found.setdefault(path.name, []).append(path.read_text(encoding="utf-8"))
    return found


def check():
    if not (sources.TOP / TABLE).exists():
        return
    tests = texts()
    for number, line in enumerate(sources.read(TABLE).splitlines(), 1):
        for file, name in TEST.findall(line):
            if not any(runs(name, text) for text in tests.get(file, ())):
                yield f"{TABLE}:{number}: no test {file}:{name}"
        row = ROW.match(line)
        if row and row[1] not in ("number", "section") and set(line) - set("|-"):
            if row[2] not in STATES:
                yield f"{TABLE}:{number}: {row[2]!r} is none of {', '.join(STATES)}"
            elif row[2] == "done" and not TEST.search(row[3]):
                yield f"{TABLE}:{number}: done, but no test shows it"
