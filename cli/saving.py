"""How a picture is written: its quality, its depth, and what it tells of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        quality: of a JPEG, WebP or AVIF.
        depth: bits of each sample.
        made: from what, but for its size and plan; None leaves the metadata out.
    """

    quality: int | None = None
    depth: int = 8
    made: Provenance | None = None

    @classmethod
    def asked(cls, params: Mapping[str, Any]) -> Saving:
        """As a command's options say."""
        return cls(params["quality"], params["depth"])

    @classmethod
    def like(cls, made: Provenance) -> Saving:
        """As the picture was written that tells this."""
        return cls(made.quality, made.depth, made)

    def check(self, path: Path) -> None:
        """Say before the work whether a picture can be written so there.

        Raises:
            OptionsError: the format cannot be told, or has no such quality or depth.
        """
        from ..engine.images import check_encoding, output_format

        format = "PNG" if path is STDOUT else output_format(path)
        check_encoding(format, self.quality, self.depth)

    def save(self, result: Result, path: Path) -> None:
        """Write the picture; one whose metadata is too long, without it: the picture counts. To
        standard output it goes without too.

        Raises:
            OutputError: it cannot be written.
        """
        if path is STDOUT:
            write_stdout(result, self.depth)
            return
        how: dict[str, Any] = {"quality": self.quality, "depth": self.depth}
        if self.made is not None:
            plan = None if result.plan is None else record_of_plan(result.plan, self.made.time)
            try:
                result.save(path, metadata=self.made.of(result, plan).record(), **how)
                return
            except OptionsError as error:
                say(f"the picture will not tell how it was made: {error}")
        result.save(path, **how)
