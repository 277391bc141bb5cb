"""A function as a platform calls it: nothing can be written, and 1 GiB of addresses is all."""

import base64
import json
import subprocess
import sys

import pytest

from impasto.engine.images import read_picture

from .conftest import EXAMPLES, needs_namespaces, read_only

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are of Linux")

GIB = 1 << 30
# As the platform would: the handler is imported once, and called for each event.
PLATFORM = """
import json, resource, sys

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
told = json.load(sys.stdin)

def refuse_to_write(event, given):
    if event == "open":
        path, mode, flags = given
        writes = flags & 3 or (isinstance(mode, str) and set(mode) & set("wax+"))
        # Pipes and devices are no files of the platform.
        if writes and isinstance(path, str) and not path.startswith("/dev/"):
            raise PermissionError(f"something is written: {path}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "shutil.copyfile", "tempfile.mkstemp"):
        raise PermissionError(f"{event}: {given}")

sys.addaudithook(refuse_to_write)
sys.path.insert(0, told["folder"])
for path in told["unwritable"]:
    try:
        with open(path, "w"):
            sys.exit(f"{path} can be written")
    except OSError:
        pass

class Context:
    def get_remaining_time_in_millis(self):
        return 4500

import function_handler

answers = [function_handler.handler(event, Context()) for event in told["events"]]
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmPeak"))
print(json.dumps({"answers": answers, "addresses": 1024 * int(peak.split()[1])}))
"""


def event(*pictures, **more):
    names = zip(("content", "style"), pictures, strict=False)
    body = {name: base64.b64encode(picture).decode() for name, picture in names}
    return {"body": json.dumps(body | more)}


@pytest.fixture
def call(python, environment):
    """`call(*events, before=(), unwritable=())`: the answers, all of one process."""

    def call(*events, before=(), unwritable=()):
        told = {"folder": str(EXAMPLES), "events": events, "unwritable": [*map(str, unwritable)]}
        ended = subprocess.run(
            [*before, *python, "-c", PLATFORM],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            check=False,
            env=environment | {"HOME": "/nonexistent"},
            cwd="/",
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        found = json.loads(ended.stdout)
        assert found["addresses"] < GIB
        return found["answers"]

    return call


def test_pictures_come_back_and_what_is_wrong_is_told_in_a_sentence(call, png):
    events = [
        event(png(1), png(2), size=48),
        event(png(1), b"no picture"),
        event(png(1), png(2), size=513),
        event(png(1), png(2), size="large"),
        event(png(1)),
        {"body": "no JSON"},
    ]
    answers = call(*events)
    assert [answer["statusCode"] for answer in answers] == [200, 422, 413, 400, 400, 400]
    assert answers[0]["isBase64Encoded"]
    made = base64.b64decode(answers[0]["body"])
    assert made.startswith(b"\x89PNG") and read_picture(made).shape == (48, 48, 3)
    assert all(json.loads(answer["body"])["message"] for answer in answers[1:])


@needs_namespaces
def test_no_file_system_that_can_be_written_is_needed(call, png, tmp_path):
    places = [tmp_path / "x", "/tmp/x", "/dev/shm/x", EXAMPLES / "x"]
    (answer,) = call(event(png(1), png(2), size=32), before=read_only(), unwritable=places)
    assert answer["statusCode"] == 200
