"""No loose ends in what is kept: no TODO, no FIXME, no code switched off."""
import re

import sources

LOOSE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|^\s*#\s*if\s+0\b", re.M)
TEXT = {".c", ".h", ".S", ".py", ".mk", ".md", ".idl", ".ld", ".sh", ".html", ".css", ""}


def check():
    for path in sources.tracked():
        if path.suffix not in TEXT or path.parts[:2] == ("tools", "lint") or not (sources.TOP / path).is_file():
            continue
        text = (sources.TOP / path).read_text(encoding="utf-8", errors="replace")
        for match in LOOSE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {match[0].strip()}"
