"""The installed command starts itself anew once, and only where that is wanted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.cli.large_pages import asking, not_asking

COMMAND = Path(sys.executable).with_name("impasto")
# A stand-in for the command line, which tells in which process it was called, and how.
TOLD = """
import json, os, sys
import impasto.cli.entry as entry, impasto.cli.main as main
entry.are_there = lambda: True
main.main = lambda: print(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]))
entry.main()
"""


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "glibc.malloc.hugetlb=1"),
        ({"GLIBC_TUNABLES": "glibc.malloc.check=0"}, "glibc.malloc.check=0:glibc.malloc.hugetlb=1"),
    ],
)
def test_asking_keeps_what_is_there_and_is_undone(given, asked):
    environment = asking({"HOME": "/", **given})
    assert environment == {"HOME": "/", "GLIBC_TUNABLES": asked, "IMPASTO_LARGE_PAGES": "1"}
    assert asking(environment) is None
    assert not_asking(environment) == {"HOME": "/", **given}
    assert asking({**given, "IMPASTO_LARGE_PAGES": "1"})["GLIBC_TUNABLES"] == asked
    assert not_asking({**given, "IMPASTO_LARGE_PAGES": "1"}) == given


@pytest.mark.parametrize(
    "decided",
    [{"IMPASTO_LARGE_PAGES": "0"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}],
)
def test_what_the_user_has_decided_stays(decided):
    assert asking(decided) is None
    assert not_asking(decided) == decided


@pytest.mark.skipif(os.name != "posix", reason="a process becomes another program")
def test_the_same_process_with_the_same_arguments_asks_once():
    clean = {name: value for name, value in os.environ.items() if name != "IMPASTO_LARGE_PAGES"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", TOLD, "plan", "-o", "a b"],
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate()
    pid, arguments, environment = json.loads(out)
    assert (pid, arguments) == (process.pid, ["plan", "-o", "a b"])
    assert environment["GLIBC_TUNABLES"].endswith("glibc.malloc.hugetlb=1")
    assert environment["IMPASTO_LARGE_PAGES"] == "1"


def test_the_installed_command_is_the_command_line():
    ended = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("impasto ")
