"""The recipe of the image, as far as it can be looked at without an engine that builds it."""

import json
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field

import httpx2 as httpx
import pytest

from .conftest import ROOT, needs_namespaces, read_only

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@dataclass
class Stage:
    """From one FROM to the next."""

    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name):
        return [words for one, words in self.instructions if one == name]

    def only(self, name):
        (words,) = self.all(name)
        return words


def stages():
    text = (ROOT / "Containerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, words = line.split(maxsplit=1)
        if name == "FROM":
            found.append(Stage(words.split()[0]))
        else:
            found[-1].instructions.append((name, words))
    return found


@pytest.fixture
def build():
    return stages()[0]


@pytest.fixture
def final():
    _, final = stages()
    return final


def test_what_is_copied_is_there_and_is_all_that_the_package_is_made_of(build):
    copied = [words.split() for words in build.all("COPY")]
    sources = [source.removeprefix("./") for *many, _ in copied for source in many]
    assert all((ROOT / source).exists() for source in sources)
    folders = {
        folder.split("/")[0] for folder in PROJECT["tool"]["setuptools"]["package-dir"].values()
    }
    assert {*folders, "pyproject.toml", PROJECT["project"]["readme"], "LICENSE"} == set(sources)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)


def test_what_is_installed_can_be(build, final):
    (install,) = build.all("RUN")
    (extras,) = re.findall(r"'\.\[(.+)\]'", install)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert build.image == final.image  # or the environment would be of another Python
    (version,) = re.findall(r"/python:(3\.\d+)-slim-\w+$", final.image)
    least = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert [*map(int, version.split("."))] >= [*map(int, least.split("."))]


def test_nobody_is_root_and_nothing_installs(final):
    user, group = map(int, final.only("USER").split(":"))
    assert min(user, group) > 0
    (made,) = final.all("RUN")
    assert made == f"install --directory --owner={user} --group={group} {final.only('VOLUME')}"
    assert [words.split()[0] for words in final.all("COPY")] == ["--from=build"]
    assert final.only("WORKDIR") == final.only("VOLUME")


@needs_namespaces
def test_service_paints_on_a_root_that_cannot_be_written(final, tmp_path, environment, png):
    """Its commands as they stand there, at a free port of this machine."""
    jobs = final.only("VOLUME")

    def here(words):
        return [one.replace(jobs, str(tmp_path)) for one in words]

    given = dict(one.split("=", 1) for one in here(final.only("ENV").split()))
    given.pop("PATH")
    impasto = [sys.executable, "-P", "-c", "from impasto.cli.main import main; main()"]
    (entry,), command = json.loads(final.only("ENTRYPOINT")), json.loads(final.only("CMD"))
    assert entry in PROJECT["project"]["scripts"]
    local = ["--host", "127.0.0.1", "--port", "0", "--threads", "1"]
    python, *check = json.loads(final.only("HEALTHCHECK").split("CMD", 1)[1])
    assert python == "python"
    with subprocess.Popen(
        [*read_only(tmp_path), *impasto, *here(command), *local],
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, **given},
        cwd=tmp_path,
    ) as process:
        try:
            address = process.stderr.readline().split()[2]
            port = httpx.URL(address).port
            probe = [
                sys.executable,
                *(one.replace(final.only("EXPOSE"), str(port)) for one in check),
            ]
            assert subprocess.run(probe, check=False).returncode == 0
            paint(address, png)
        finally:
            process.terminate()
        assert process.wait() == 0
        assert subprocess.run(probe, check=False, capture_output=True).returncode != 0


def paint(address, png):
    options = {"size": 32, "levels": 1, "iterations": 1}
    with httpx.Client(base_url=address, timeout=120) as http:
        files = {"content": ("x", png(1)), "style": ("y", png(2))}
        job = http.post("/api/jobs", files=files, data={"options": json.dumps(options)}).json()
        while (state := http.get(f"/api/jobs/{job['id']}").json()["state"]) not in (
            "done",
            "failed",
        ):
            time.sleep(0.05)
        assert state == "done"
        assert http.get(f"/api/jobs/{job['id']}/result").content.startswith(b"\x89PNG")
