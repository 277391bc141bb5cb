"""How a command ends: each error becomes one sentence on stderr and a stable exit code.

Exit codes: 0 done, 1 a defect of Impasto, 2..7 see `engine.errors`, 130 interrupted, 143
terminated.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from ..engine.errors import MemoryLimit, StyleError
from .console import say

__all__ = ["EXIT_OF_STOP", "exit_code_of", "show_tracebacks"]

EXIT_OF_STOP = {"interrupted": 130, "terminated": 143}

_tracebacks = False


def show_tracebacks(wanted: bool) -> None:
    """Show where an error came from, before its sentence (--debug)."""
    global _tracebacks
    _tracebacks = wanted


def exit_code_of(command: Callable[[], object]) -> int:
    """Run the command to its end; say what went wrong, and give the exit code."""
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return EXIT_OF_STOP["interrupted"]
    except StyleError as error:
        return _failed(error, str(error), error.exit_code)
    except MemoryError as error:
        return _failed(error, "there is not enough memory for this", MemoryLimit.exit_code)
    except Exception as error:
        sentence = f"this is a defect of Impasto: {type(error).__name__}: {error}"
        hint = "" if _tracebacks else "; run again with --debug for the traceback"
        return _failed(error, sentence + hint, 1)
    return 0


def _failed(error: BaseException, sentence: str, exit_code: int) -> int:
    if _tracebacks:
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    say(f"impasto: {' '.join(sentence.split())}")
    return exit_code
