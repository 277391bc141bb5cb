"""docs/faults.md and the tests here and of the service have the same rows."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "faults.md"
# Pictures, options, networks, runs, writing, the service, supply, and our own: how many rows.
COUNTS = {"I": 25, "O": 8, "M": 16, "R": 14, "W": 14, "H": 20, "S": 3, "X": 3}


def told():
    return re.findall(r"^\| ([A-Z]\d\d) \|", TABLE.read_text("utf-8"), re.MULTILINE)


def covered():
    found = {}
    files = [*HERE.glob("test_*.py"), *(HERE.parent / "service").glob("test_*.py")]
    for file in files:
        for name in re.findall(r'^@row\("([A-Z]\d\d)"\)', file.read_text("utf-8"), re.MULTILINE):
            found.setdefault(name, set()).add(file.name)
    return found


def test_every_row_is_tested_and_every_test_has_its_row():
    assert set(covered()) == set(told())


def test_no_row_is_missing_or_told_twice():
    wanted = [
        f"{kind}{number:02}" for kind, count in COUNTS.items() for number in range(1, count + 1)
    ]
    assert told() == wanted


def test_the_table_names_the_file_of_each_row_s_tests():
    found = covered()
    for line in TABLE.read_text("utf-8").splitlines():
        if match := re.match(r"\| ([A-Z]\d\d) \|", line):
            named = set(re.findall(r"test_\w+\.py", line))
            assert named == found[match[1]], match[1]
