"""What is to be kept of the way to a picture, checked before the work."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from ..engine.errors import OptionsError
from .animation import side_of
from .frames import NumberedFrames
from .paths import refuse_to_replace
from .plot import check_plot
from .report_page import check_report

__all__ = ["Watching", "command_line"]


@dataclass(frozen=True)
class Watching:
    """What `--save-every`, `--animate`, `--plot` and `--report` ask for.

    Args:
        output: the picture itself.
        sources: files that it is made of, none of which may be replaced.
        pictures: those of them that a report shows, each with its label.
        before: the one that a report lays under the result, of the same shape; None where no
            picture becomes the result.
        command: what was typed.
        save_every: steps from one saved frame to the next.
        animate, plot, report, save_recipe: files to write.

    Raises:
        OptionsError: a number or a suffix that cannot be, two outputs in one file, one in the place
            of a source, or a package that is missing.
        OutputError: one of them cannot be written.
    """

    output: Path
    sources: tuple[Path | str | None, ...] = ()
    pictures: tuple[tuple[str, Path], ...] = ()
    before: Path | None = None
    command: str = ""
    save_every: int | None = None
    animate: Path | None = None
    plot: Path | None = None
    report: Path | None = None
    save_recipe: Path | None = None

    def __post_init__(self) -> None:
        if self.animate is not None:
            side_of(self.animate)
            if self.animate.suffix.lower() == ".mp4":
                _need("av", "--animate with an MP4", "PyAV", "video")
        if self.plot is not None:
            check_plot(self.plot)
            _need("matplotlib", "--plot", "matplotlib", "plot")
        if self.report is not None:
            check_report(self.report)
        self._check_frames()
        self._check_files()

    @property
    def is_asked(self) -> bool:
        """Whether there is anything to keep."""
        return any(
            one is not None for one in (self.save_every, self.animate, self.plot, self.report)
        )

    def _files(self) -> Iterator[tuple[str, Path]]:
        for option in ("animate", "plot", "report", "save_recipe"):
            path = getattr(self, option)
            if path is not None:
                yield f"--{option.replace('_', '-')}", path

    def _check_files(self) -> None:
        from ..engine.files import check_writable

        taken = {_real(self.output): "the result"}
        for option, path in self._files():
            other = taken.setdefault(_real(path), option)
            if other != option:
                raise OptionsError(f"{option} and {other} cannot both be {str(path)!r}")
            refuse_to_replace(path, self.sources)
            check_writable(path)

    def _check_frames(self) -> None:
        from ..engine.files import check_writable

        if self.save_every is None:
            return
        if self.save_every < 1:
            raise OptionsError(
                f"--save-every must be a whole number of steps from 1 on, not {self.save_every}"
            )
        frames = NumberedFrames(self.output)
        check_writable(frames.path(1))
        for path in frames.existing():
            refuse_to_replace(path, self.sources)
        for option, path in self._files():
            if frames.is_one(path):
                raise OptionsError(f"{option} {str(path)!r} has the name of a frame")


def command_line(context: typer.Context) -> str:
    """What was typed, quoted for a shell."""
    # Where `main` was not the entry, nobody handed the arguments over.
    return shlex.join(["impasto", *(context.obj or ())])


def _need(package: str, option: str, name: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise OptionsError(f"{option} needs {name}: pip install 'impasto[{extra}]'")


def _real(path: Path) -> Path:
    """The file behind a path, for comparing."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # whoever writes there says so
        return path.absolute()
