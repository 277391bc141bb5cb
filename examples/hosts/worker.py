"""A plain worker process: jobs come as lines of JSON, and each is answered by one.

    echo '{"id": 1, "content": "photo.jpg", "style": "painting.jpg", "output": "art.png"}' |
        OPENBLAS_NUM_THREADS=1 python worker.py

A job may have "options", the fields of `impasto.Options`, and "time", in seconds. SIGTERM ends the
work: the job in the making is answered "unfinished", and the process leaves with code 0. Whatever
has no answer was not begun. Either may be given to another worker.
"""

import json
import signal
import sys

import impasto

LIMITS = impasto.Limits(output_side=2048, deadline=600.0)


def main():
    """Answer jobs until the end of the input, or SIGTERM."""
    engine = impasto.Engine(limits=LIMITS)  # one for all jobs
    stop = impasto.Stop()
    waiting = False

    def end(*_):
        stop.request("terminated")
        if waiting:  # a read that a signal interrupts would go on
            raise SystemExit

    signal.signal(signal.SIGTERM, end)
    while True:
        waiting = True  # before the look at the stop, or one between the two would not be seen
        line = sys.stdin.buffer.readline() if stop.reason is None else b""
        waiting = False
        if not line:
            return
        print(json.dumps(answer(engine, line, stop)), flush=True)


def answer(engine, line, stop):
    """Do one job."""
    try:
        job = json.loads(line)
        pictures, output = (job["content"], job["style"]), job["output"]
        options, time = job.get("options", {}), job.get("time")
        told = {"id": job.get("id"), "output": output}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {"status": "failed", "error": "ValueError", "message": f"no job: {line[:80]!r}"}
    try:
        result = engine.stylize(*pictures, impasto.Options(**options), time=time, stop=stop)
        if result.stopped == stop.reason:
            return told | {"status": "unfinished"}
        result.save(output)
    except (impasto.StyleError, TypeError) as error:  # TypeError: an option that there is not
        return told | {"status": "failed", "error": type(error).__name__, "message": str(error)}
    return told | {"status": "done", "seconds": round(result.seconds, 3)}


if __name__ == "__main__":
    main()
