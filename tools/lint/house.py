#!/usr/bin/python3
"""house.py: checks the rules of the house that compilers do not know; each module says which rule it keeps.

Prints a line for each finding; exits with 1 if there is one.
"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import conformance  # noqa: E402
import data  # noqa: E402
import documents  # noqa: E402
import includes  # noqa: E402
import lengths  # noqa: E402
import size  # noqa: E402
import words  # noqa: E402

CHECKS = (includes, lengths, data, documents, conformance, size, words)


def main():
    findings = [line for module in CHECKS for line in module.check()]
    print("\n".join(findings), end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
