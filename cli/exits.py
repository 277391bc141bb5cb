"""How a command ends: each error becomes one sentence on stderr and a stable exit code.

Exit codes: 0 done, 1 a defect of Impasto, 2..9 see `engine.errors`, 129 hung up, 130 interrupted,
143 terminated.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from typer import TyperException

from ..engine.errors import MemoryLimit, OptionsError, StyleError
from .console import say
from .spelling import spelled

__all__ = ["EXIT_OF_STOP", "exit_code_of", "failure_of", "say_traceback", "show_tracebacks"]

EXIT_OF_STOP = {"hung up": 129, "interrupted": 130, "terminated": 143}

_tracebacks = False


def show_tracebacks(wanted: bool) -> None:
    """Show where an error came from, before its sentence (--debug)."""
    global _tracebacks
    _tracebacks = wanted


def exit_code_of(command: Callable[[], object]) -> int:
    """Run the command to its end; say what went wrong, and give the exit code.

    Args:
        command: gives its exit code, or anything else for 0.
    """
    try:
        code = command()
        return code if isinstance(code, int) else 0
    except TyperException as error:
        # Without any argument, its text is the help; that was printed where it was made.
        return _failed(error, _usage(error), error.exit_code) if str(error) else error.exit_code
    except KeyboardInterrupt:
        return EXIT_OF_STOP["interrupted"]
    except Exception as error:
        sentence, exit_code = failure_of(error)
        return _failed(error, sentence, exit_code)


def failure_of(error: Exception) -> tuple[str, int]:
    """What went wrong, in one sentence, and its exit code."""
    if isinstance(error, OptionsError):
        return spelled(str(error)), error.exit_code
    if isinstance(error, StyleError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "there is not enough memory for this", MemoryLimit.exit_code
    sentence = f"this is a defect of Impasto: {type(error).__name__}: {error}"
    hint = "" if _tracebacks else "; run again with --debug for the traceback"
    return sentence + hint, 1


def _usage(error: TyperException) -> str:
    """What Typer says of wrong usage, without the words of the library behind it."""
    text = error.format_message().partition(", unable to parse")[0]
    text = text.replace("Value error, ", "").replace("Input should be", "it must be")
    context = getattr(error, "ctx", None)
    command = "impasto" if context is None else context.command_path
    return f"{text.rstrip('.')}; `{command} --help` tells more"


def say_traceback(error: BaseException) -> None:
    """Say where the error came from, if that is wanted."""
    if _tracebacks:
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)


def _failed(error: BaseException, sentence: str, exit_code: int) -> int:
    say_traceback(error)
    say(f"impasto: {' '.join(sentence.split())}")
    return exit_code
