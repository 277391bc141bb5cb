"""The installed command, which starts itself anew where that makes it faster."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from .large_pages import are_there, asking

__all__ = ["main"]

_INTERRUPTED = 130  # as `exits.EXIT_OF_STOP`, which is not loaded yet


def main() -> NoReturn:
    """Run the command line of this process, and leave it.

    Starting anew, before anything is loaded, costs what an empty Python takes: some 15 ms.
    """
    # While modules are loaded there is nothing to save: Ctrl-C leaves without Python's traceback.
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    environment = asking(os.environ)
    if environment is not None and sys.executable and are_there():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    from .main import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
