import os
import sys

import pytest

from impasto.engine import memory
from impasto.engine.memory import default_budget

GIB = 1 << 30

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs sysconf")


def of(gib):
    """What a work may take where so much is granted: 8 GiB are half of the machine."""
    return min(8, 0.75 * gib) * GIB


@pytest.fixture(autouse=True)
def sixteen(monkeypatch):
    """A machine of 16 GiB, where nobody set a resource limit."""
    import resource

    counts = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 16 * GIB // 4096}
    monkeypatch.setattr(os, "sysconf", counts.__getitem__)
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (unlimited, unlimited))


@pytest.mark.parametrize(
    ("text", "gib"),
    [
        ("max\n", 16),
        ("1073741824\n", 1),
        ("34359738368\n", 16),
        ("0\n", 16),
        ("", 16),
        ("-1\n", 16),
        ("nonsense\n", 16),
        (b"\xff\x00\xfe", 16),
        ("9223372036854771712\n", 16),
    ],
)
@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
def test_a_limit_of_cgroup_2_is_a_ceiling(machine, text, gib, name):
    assert default_budget(machine({f"sys/fs/cgroup/{name}": text})) == of(gib)


@pytest.mark.parametrize(("text", "gib"), [("2147483648\n", 2), ("9223372036854771712\n", 16)])
def test_a_limit_of_cgroup_1_is_a_ceiling(machine, text, gib):
    root = machine({"sys/fs/cgroup/memory/memory.limit_in_bytes": text})
    assert default_budget(root) == of(gib)


@pytest.mark.parametrize("mount", ["sys/fs/cgroup", "sys/fs/cgroup/unified"])
@pytest.mark.parametrize("limited", ["", "/a.slice", "/a.slice/b.service"])
def test_a_limit_on_the_own_cgroup_or_any_above_it_counts(machine, mount, limited):
    root = machine(
        {
            "proc/self/cgroup": "0::/a.slice/b.service\n",
            f"{mount}/a.slice/b.service/memory.max": "max\n",
            f"{mount}{limited}/memory.max": f"{3 * GIB}\n",
            f"{mount}/other.slice/memory.max": f"{GIB}\n",
        }
    )
    assert default_budget(root) == of(3)


@pytest.mark.parametrize("limited", ["", "/docker", "/docker/1234"])
def test_a_limit_on_a_nested_cgroup_of_version_1_counts(machine, limited):
    root = machine(
        {
            "proc/self/cgroup": "12:cpu:/c\n4:memory:/docker/1234\n0::/x\n",
            f"sys/fs/cgroup/memory{limited}/memory.limit_in_bytes": f"{5 * GIB}\n",
            "sys/fs/cgroup/cpu/c/memory.limit_in_bytes": f"{GIB}\n",
        }
    )
    assert default_budget(root) == of(5)


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_resource_limit_counts(tmp_path, monkeypatch, kind):
    import resource

    unlimited = resource.RLIM_INFINITY
    limits = {getattr(resource, kind): (6 * GIB, unlimited)}
    monkeypatch.setattr(
        resource, "getrlimit", lambda asked: limits.get(asked, (unlimited, unlimited))
    )
    assert default_budget(tmp_path) == of(6) == 4.5 * GIB


def test_without_a_limit_the_machine_counts(tmp_path):
    assert default_budget(tmp_path) == of(16)


def test_a_machine_that_does_not_say_is_taken_for_a_small_one(tmp_path, monkeypatch):
    def unknown(name):
        raise ValueError(name)

    for answer in (unknown, lambda name: -1 if name == "SC_PHYS_PAGES" else 4096):
        monkeypatch.setattr(os, "sysconf", answer)
        assert default_budget(tmp_path) == 2 * GIB


@pytest.mark.parametrize(("granted", "share"), [(None, 8), (4, 3), (10, 7.5), (12, 8), (64, 8)])
def test_the_budget_is_half_of_the_machine_or_three_quarters_of_what_is_granted(
    machine, granted, share
):
    text = "max" if granted is None else str(granted * GIB)
    assert default_budget(machine({"sys/fs/cgroup/memory.max": text})) == share * GIB


def test_the_budget_is_within_the_limit_of_this_machine(monkeypatch):
    monkeypatch.undo()
    assert 0 < default_budget() <= memory._physical() // 2
    assert default_budget() == default_budget()
    assert memory._physical() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
