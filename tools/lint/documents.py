"""What the documents name exists: files, and functions written as `name()`, in the pages that explain."""
import re

import sources

DOCUMENTS = ("ARCHITECTURE.md", "README.md", "libs/net/PORTING.md")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"^[\w.-]+(?:/[\w.-]+)+/?$")
FUNCTION = re.compile(r"^(\w+)\(\)$")
# Folders that appear while one builds, works or follows the guide.
MADE = re.compile(r"^(build/|~|/|\.\.?/)")


def check():
    words = None
    for name in DOCUMENTS:
        if not (sources.TOP / name).exists():
            continue
        for quoted in sorted(set(CODE.findall(sources.read(name)))):
            if FILE.match(quoted) and not MADE.match(quoted) and quoted.split("/")[0] in (
                    "kernel", "boot", "libs", "servers", "tools", "mk", ".ci"):
                if not (sources.TOP / quoted).exists():
                    yield f"{name}: there is no {quoted}"
            function = FUNCTION.match(quoted)
            if function:
                words = words or all_words()
                if function[1] not in words:
                    yield f"{name}: there is no function {function[1]}"


def all_words():
    """Every word of the sources, the interfaces' and the generated stubs' included."""
    generated = (sources.TOP / "build/gen").rglob("*.h")
    texts = [sources.read(path) for path in sources.files(".c", ".h", ".S", ".idl")]
    texts += [path.read_text(encoding="utf-8") for path in generated]
    return set(re.findall(r"\w+", "\n".join(texts)))
