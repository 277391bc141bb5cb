import os

import pytest

from impasto.engine.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def cgroup_1(folder, quota, period="100000"):
    return {
        f"sys/fs/cgroup/{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/{folder}/cpu.cfs_period_us": f"{period}\n",
    }


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
        ("-200000 100000\n", 8),
        (b"\xff\x00\xfe", 8),
    ],
)
def test_quota_of_cgroup_2_is_a_ceiling(machine, text, count):
    assert usable_cpus(machine({"sys/fs/cgroup/cpu.max": text})) == count


@pytest.mark.parametrize(
    ("quota", "period", "count"), [("-1", "100000", 8), ("300000", "100000", 3), ("x", "1", 8)]
)
@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_quota_of_cgroup_1_is_a_ceiling(machine, folder, quota, period, count):
    assert usable_cpus(machine(cgroup_1(folder, quota, period))) == count


@pytest.mark.parametrize("mount", ["sys/fs/cgroup", "sys/fs/cgroup/unified"])
@pytest.mark.parametrize("limited", ["", "/a.slice", "/a.slice/b.service", "/a.slice/b.service/c"])
def test_a_limit_on_the_own_cgroup_or_any_above_it_counts(machine, mount, limited):
    """As in a container without a cgroup namespace, or in a service of systemd."""
    root = machine(
        {
            "proc/self/cgroup": "0::/a.slice/b.service/c\n",
            f"{mount}/a.slice/b.service/c/cpu.max": "max 100000\n",
            f"{mount}/a.slice/cpu.max": "700000 100000\n",
            f"{mount}{limited}/cpu.max": "300000 100000\n",
            f"{mount}/other.slice/cpu.max": "100000 100000\n",
        }
    )
    assert usable_cpus(root) == 3


@pytest.mark.parametrize("limited", ["", "/docker", "/docker/1234"])
def test_a_limit_on_a_nested_cgroup_of_version_1_counts(machine, limited):
    groups = "12:memory:/m\n4:cpu,cpuacct:/docker/1234\n1:name=systemd:/docker/1234\n0::/x\n"
    files = {"proc/self/cgroup": groups} | cgroup_1("cpu,cpuacct/docker/1234", "-1")
    files |= cgroup_1(f"cpu,cpuacct{limited}", "200000") | cgroup_1("memory/m", "100000")
    assert usable_cpus(machine(files)) == 2


def test_the_least_of_all_limits_counts(machine):
    files = {"sys/fs/cgroup/a/cpu.max": "400000 100000", "proc/self/cgroup": "0::/a/b\n"}
    files |= {"sys/fs/cgroup/a/b/cpu.max": "600000 100000"}
    assert usable_cpus(machine(files)) == 4


def test_a_path_that_only_the_host_has_leaves_the_mounted_root(machine):
    files = {"proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/cpu.max": "500000 100000"}
    assert usable_cpus(machine(files)) == 5


@pytest.mark.parametrize(
    "groups", ["", "\n", "0\n", "0:\n", "::::\n", "0::relative\n", "0::/../..\n", b"\xff:\xfe"]
)
def test_an_odd_list_of_cgroups_is_no_failure(machine, groups):
    root = machine({"proc/self/cgroup": groups, "sys/fs/cgroup/cpu.max": "200000 100000"})
    assert usable_cpus(root) == 2


def test_without_a_quota_the_affinity_counts(tmp_path):
    assert usable_cpus(tmp_path) == 8


def test_without_an_affinity_the_machine_counts(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cpus(tmp_path) == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tmp_path) == 1


def test_there_is_always_one():
    assert usable_cpus() >= 1
