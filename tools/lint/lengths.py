"""Functions: none over 60 lines, nine of ten within 35."""
import re

import sources

LONGEST, USUAL, USUAL_SHARE = 60, 35, 0.9


def functions(path):
    """Yields (name, first line, number of lines) of the functions of a C file."""
    lines = sources.bare(sources.read(path)).split("\n")
    depth, head, start = 0, "", 0
    for number, line in enumerate(lines, 1):
        if depth == 0:
            if not line.strip() or line.startswith("#"):
                head = ""
                continue
            if not head:
                start = number
            head += line + " "
        opened = depth
        depth += line.count("{") - line.count("}")
        if opened > 0 and depth <= 0:
            name = function_name(head)
            if name:
                yield name, start, number - start + 1
            head, depth = "", 0
        elif depth == 0 and line.rstrip().endswith((";", "}")):
            head = ""


def function_name(head):
    """The name that a definition's head defines, or None when it is no function."""
    before = head.split("{")[0]
    if "=" in before or not before.rstrip().endswith(")"):
        return None
    match = re.search(r"(\w+)\s*\(", re.sub(r"\[\[.*?\]\]|__attribute__\s*\(\(.*?\)\)", "", before))
    return match[1] if match else None


def check():
    total, usual = 0, 0
    for path in sources.files(".c", ".h"):
        for name, line, length in functions(path):
            total += 1
            usual += length <= USUAL
            if length > LONGEST:
                yield f"{path}:{line}: {name} has {length} lines (at most {LONGEST})"
    if total and usual < USUAL_SHARE * total:
        yield f"only {usual} of {total} functions have at most {USUAL} lines"
