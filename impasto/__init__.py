"""Impasto: neural style transfer by optimisation (Gatys et al. 2015) on ONNX Runtime.

    import impasto
    impasto.stylize("photo.jpg", "painting.jpg").save("art.png")

Importing this package imports nothing heavy: the names below are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.engine import Engine
    from .engine.errors import StyleError
    from .engine.limits import Limits
    from .engine.objective import Objective
    from .engine.options import Options
    from .engine.plan import Plan
    from .engine.presets import Preset, preset, presets
    from .engine.records import LevelResult, Progress, Result
    from .engine.settings import Checkpoint
    from .engine.simple import reconstruct, resume, stylize, texture
    from .engine.stop import Stop

__all__ = [
    "Checkpoint",
    "Engine",
    "LevelResult",
    "Limits",
    "Objective",
    "Options",
    "Plan",
    "Preset",
    "Progress",
    "Result",
    "Stop",
    "StyleError",
    "__version__",
    "preset",
    "presets",
    "reconstruct",
    "resume",
    "stylize",
    "texture",
]

__version__ = "0.1.0"

# In a checkout the parts lie beside this folder, not inside it as they do when installed; Python
# started there finds this folder first.
if (_checkout := Path(__file__).parent.parent / "engine" / "stylize.py").is_file():
    __path__.append(str(_checkout.parents[1]))

_HOMES = {
    "Checkpoint": "engine.settings",
    "Engine": "engine.engine",
    "LevelResult": "engine.records",
    "Limits": "engine.limits",
    "Objective": "engine.objective",
    "Options": "engine.options",
    "Plan": "engine.plan",
    "Preset": "engine.presets",
    "Progress": "engine.records",
    "Result": "engine.records",
    "Stop": "engine.stop",
    "StyleError": "engine.errors",
    "reconstruct": "engine.simple",
    "preset": "engine.presets",
    "presets": "engine.presets",
    "resume": "engine.simple",
    "stylize": "engine.simple",
    "texture": "engine.simple",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
