"""The repository's C files, and their text without comments, for the house's checks."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("kernel", "boot", "libs", "servers")
# What tests, fuzzers and stand-ins for the build machine may do differently.
ASIDE = re.compile(r"(^|/)(tests|fuzz|host)/")


def files(*suffixes):
    """Paths, relative to the top, of all sources with these suffixes."""
    return sorted(path.relative_to(TOP) for folder in FOLDERS for path in (TOP / folder).rglob("*")
                  if path.suffix in suffixes and path.is_file())


def is_test(path):
    """Whether a path belongs to tests and not to what runs (servers/tests/ holds tasks: its own rules)."""
    return bool(ASIDE.search(str(path).removeprefix("servers/tests/")))


def read(path):
    return (TOP / path).read_text(encoding="utf-8")


def bare(text):
    """The text with comments and the insides of strings blanked, lines kept."""
    def blank(match):
        word = match[0]
        if word.startswith("/"):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + re.sub(r"[^\n]", "_", word[1:-1]) + word[-1]
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def tracked():
    """Every file under version control; outside of a repository, every file."""
    done = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [pathlib.Path(line) for line in done.stdout.splitlines()]
    return [path.relative_to(TOP) for path in TOP.rglob("*") if path.is_file()]
