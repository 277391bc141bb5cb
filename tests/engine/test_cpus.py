import os

import pytest

from impasto.engine.cpus import usable_cpus


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def written(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("0 100000\n", 8),
        ("100000 0\n", 8),
        ("", 8),
        ("nonsense\n", 8),
        ("a b c\n", 8),
    ],
)
def test_quota_of_cgroup_2_is_a_ceiling(tmp_path, eight, text, count):
    assert usable_cpus(written(tmp_path, cpu_dot_max=text)) == count


@pytest.mark.parametrize(
    ("quota", "period", "count"), [("-1", "100000", 8), ("300000", "100000", 3), ("x", "1", 8)]
)
def test_quota_of_cgroup_1_is_a_ceiling(tmp_path, eight, quota, period, count):
    files = {"cpu__cpu_dot_cfs_quota_us": quota, "cpu__cpu_dot_cfs_period_us": period}
    assert usable_cpus(written(tmp_path, **files)) == count


def test_without_a_quota_the_affinity_counts(tmp_path, eight):
    assert usable_cpus(tmp_path) == 8


def test_without_an_affinity_the_machine_counts(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cpus(tmp_path) == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tmp_path) == 1


def test_there_is_always_one():
    assert usable_cpus() >= 1
