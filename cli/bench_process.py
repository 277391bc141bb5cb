"""A measurement in a process of its own, with the memory that the operating system counted for it.

What a process has imported, opened and freed before would show in its memory and in its times: so
each measurement gets a fresh one, which imports what it needs and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine import errors
from ..engine.stop import Stop
from .large_pages import not_asking

__all__ = ["run_child"]


def run_child(
    module: str, job: Mapping[str, Any], folder: Path, stop: Stop | None = None
) -> dict[str, Any]:
    """Run a module of this package that ends in `bench_child.serve`, and give the record it tells.

    The record also has `peak_rss_mb`, megabytes of 10^6 bytes (None where the system does not tell
    it), and `began`, the moment before the start by `time.monotonic`, which all processes share.

    The system counts the memory of the starting process in, as large as it was at most: that one
    has to stay smaller than what it measures.

    Args:
        module: its name in this package, such as "bench_impasto".
        job: what `serve` hands to the work; `threads` of it goes for OpenMP too, and where its
            `large_pages` is False, they are not asked for by us.
        folder: for what the process writes; its streams go to files there.
        stop: a request kills the process, and whatever it has started.

    Raises:
        StyleError: the one that the process told of.
        MemoryLimit: the process was killed, as the system does when memory ends.
        ModelError: the process failed in another way.
        Stopped: `stop` was requested.
    """
    command = [sys.executable, "-P", "-m", f"{__package__}.{module}", json.dumps(dict(job))]
    told, said = folder / "stdout", folder / "stderr"
    stop = stop or Stop()
    with told.open("wb") as stdout, said.open("wb") as stderr:
        began = time.monotonic()
        # In a session of its own a signal of the terminal does not reach it, but its end does: that
        # of the whole group, for a compiler that it may have started.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=_environment(job, folder),
            start_new_session=True,
        )
        peak = None
        try:
            with stop.calling(lambda: _kill(process)):
                peak = _wait(process)
        finally:
            _kill(process)
            process.wait()
    stop.check()
    if process.returncode != 0:
        raise _failure(module, process.returncode, said.read_text("utf-8", "replace"))
    record: dict[str, Any] = json.loads(told.read_text("utf-8"))
    if "error" in record:
        raise getattr(errors, record["error"])(record["sentence"])
    return record | {"began": began, "peak_rss_mb": peak}


def _environment(job: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Threads for torch, since the command line has given its own BLAS one; and the folder for all
    temporary files, of ONNX Runtime and of torch's compiler, which would else stay."""
    threads_of = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(job["threads"]))
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    given = dict(os.environ) if job.get("large_pages", True) else not_asking(os.environ)
    return given | threads_of | places


def _wait(process: subprocess.Popen[bytes]) -> float | None:
    """Until it ends; its peak memory in megabytes, where the system tells it."""
    if sys.platform == "win32":
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return round(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(module: str, code: int, said: str) -> errors.StyleError:
    if code == -9:
        return errors.MemoryLimit(
            f"{module} was killed: the memory may not be enough for this size"
        )
    lines = [line for line in said.splitlines() if line.strip()] or [f"exit code {code}"]
    return errors.ModelError(f"{module} failed: {lines[-1].strip()[:300]}")
