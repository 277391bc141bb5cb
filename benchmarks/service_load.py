"""The service under load, on this machine: 200 submissions at once, then a kill in the middle.

    python benchmarks/service_load.py [--submissions 200]

None may be lost: each is accepted or told 429, perhaps after a 503 and a pause as the server says,
and each that was accepted ends, after `kill -9` of the server and another start too. The memory is
that of the server and all its workers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from impasto.engine.images import encode_picture

BUDGET = 1500 << 20
QUEUE = 20
OPTIONS = {"size": 32, "levels": 1, "iterations": 2, "style_layers": {"relu1_1": 1.0}}
OPTIONS["content_layers"] = {"relu2_1": 1.0}


def start(folder):
    code = "from impasto.cli.main import main; main()"
    command = [sys.executable, "-P", "-c", code, "serve", str(folder), "--port", "0"]
    command += ["--memory", str(BUDGET), "--workers", "2", "--queue", str(QUEUE), "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    assert line.startswith("serving at"), line + process.stderr.read()
    return process, line.split()[2]


def form(content, style):
    parts = [
        ('name="content"; filename="x"', content),
        ('name="style"; filename="y"', style),
        ('name="options"', json.dumps(OPTIONS).encode()),
    ]
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data)
        for head, data in parts
    )
    return body + b"--b--\r\n"


def submit(address, body):
    asked = urllib.request.Request(
        f"{address}api/jobs", body, {"Content-Type": "multipart/form-data; boundary=b"}
    )
    again = 0
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                return answer.status, json.load(answer)["id"], again
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return error.code, None, again
            time.sleep(int(error.headers["Retry-After"]))
            again += 1


def state(address, id):
    with urllib.request.urlopen(f"{address}api/jobs/{id}", timeout=60) as answer:
        return json.load(answer)["state"]


def metric(address, name):
    with urllib.request.urlopen(f"{address}metrics", timeout=60) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    raise KeyError(name)


def resident(pid):
    """Bytes of a process and all below it."""
    total = 0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        total = pages * os.sysconf("SC_PAGE_SIZE")
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                total += resident(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--submissions", type=int, default=200)
    count = parser.parse_args().submissions
    pictures = [
        encode_picture(np.random.default_rng(seed).random((24, 32, 3)), None, "PNG")
        for seed in (1, 2)
    ]
    body = form(*pictures)
    with tempfile.TemporaryDirectory() as folder:
        process, address = start(Path(folder) / "jobs")
        peaks, done = {"resident": 0, "planned": 0}, threading.Event()

        def measure():
            while not done.wait(0.2):
                peaks["resident"] = max(peaks["resident"], resident(process.pid))
                planned = metric(address, "impasto_planned_bytes")
                peaks["planned"] = max(peaks["planned"], planned)

        watcher = threading.Thread(target=measure)
        watcher.start()
        began = time.perf_counter()
        with ThreadPoolExecutor(count) as clients:
            answers = list(clients.map(lambda _: submit(address, body), range(count)))
        seconds = time.perf_counter() - began
        done.set()
        watcher.join()
        accepted = [told for status, told, _ in answers if status == 202]
        before = Counter(state(address, id) for id in accepted)
        process.kill()
        process.communicate()
        process, address = start(Path(folder) / "jobs")
        began = time.perf_counter()
        while (states := Counter(state(address, id) for id in accepted)).total() > states["done"]:
            assert not states["failed"] and time.perf_counter() - began < 300, states
            time.sleep(0.2)
        process.terminate()
        process.communicate()
    print("answers", dict(Counter(status for status, _, _ in answers)), f"in {seconds:.1f} s")
    print("told 503 before", sum(again for _, _, again in answers))
    print("accepted, before the kill", dict(before), "and after the restart", dict(states))
    print(f"planned at most {peaks['planned'] / 2**20:.0f} MiB of {BUDGET / 2**20:.0f} MiB")
    print(f"resident, server and workers, {peaks['resident'] / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
