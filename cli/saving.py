"""How a picture is written: its quality, and what it tells of how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import OptionsError
from .console import say
from .plan_record import record_of_plan
from .streams import STDOUT, write_stdout

if TYPE_CHECKING:
    from ..engine.provenance import Provenance
    from ..engine.records import Result

__all__ = ["Saving"]


@dataclass
class Saving:
    """What a work finds out before it paints, for when its picture is written.

    Args:
        quality: of a JPEG or WebP.
        made: from what, but for its size and plan; None leaves the metadata out.
    """

    quality: int | None = None
    made: Provenance | None = None

    def save(self, result: Result, path: Path) -> None:
        """Write the picture; one whose metadata is too long, without it: the picture counts. To
        standard output it goes without too.

        Raises:
            OutputError: it cannot be written.
        """
        if path is STDOUT:
            write_stdout(result)
            return
        if self.made is not None:
            plan = None if result.plan is None else record_of_plan(result.plan, self.made.time)
            try:
                result.save(
                    path, metadata=self.made.of(result, plan).record(), quality=self.quality
                )
                return
            except OptionsError as error:
                say(f"the picture will not tell how it was made: {error}")
        result.save(path, quality=self.quality)
