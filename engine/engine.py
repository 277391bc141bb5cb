"""The engine: a network's sessions, opened once and used for any number of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Unpack

import numpy as np

from .checkpoint import Keeper, Standing, read_header, read_standing
from .checks import optional, path_of
from .cpus import usable_cpus
from .devices import Precision, choose_device
from .drafts import Drafts
from .errors import OptionsError
from .footprints import Footprints
from .holding import held
from .images import Picture, PictureSource
from .known_targets import KnownTargets
from .limits import Limits
from .lowerings import Lowering, choose_lowering
from .memory import default_budget
from .objective import Objective
from .objectives import Objectives
from .options import Options
from .pacing import seconds_of
from .plan import Plan
from .planner import Planner
from .programs import defaults_for, open_programs
from .pyramid import Level
from .records import ProgressCallback, Result
from .regions import Sight
from .sessions import Sessions
from .settings import Checkpoint, Settings
from .sources import listed
from .stop import Stop
from .studio import Studio
from .tasks import RECONSTRUCTION, TEXTURE, Budget, content_alone
from .tile_runner import Workers, runners_of
from .tiles import Tiling

__all__ = ["Engine"]


class Engine:
    """Holds one network, its weights and its sessions. Safe to use from several threads at once.

    Args:
        model: name or path of a network, or the bytes of its file; None is the embedded one.
        bundle: path of an exported bundle, instead of `model`.
        trust: a bundle's SHA-256, or True to run it unseen; one exported on this machine needs
            neither.
        device: "auto" (CUDA where it can be used), "cpu", "cuda" or "cuda:N".
        precision: of products: "float32", or "tf32", which CUDA computes faster, to 10 bits.
        threads: processors to use; None is all that this process may use.
        lowering: how convolutions are computed: "direct" leaves it to ONNX Runtime, "winograd" is
            several times faster on processors and results differ by rounding; "auto" is winograd on
            the processor, except for bundles, and direct on CUDA.
        limits: of what is accepted.
        workers: that compute the tiles of large pictures; None leaves all to this process.

    Raises:
        ModelError: the network cannot be used.
        OptionsError: a wrong device, precision, lowering or number of threads; workers for a bundle
            or for another device than the processor.
    """

    def __init__(
        self,
        model: str | Path | bytes | None = None,
        *,
        bundle: str | Path | None = None,
        trust: str | bool = False,
        device: str = "auto",
        precision: Precision = "float32",
        threads: int | None = None,
        lowering: Lowering = "auto",
        limits: Limits | None = None,
        workers: Workers | None = None,
    ) -> None:
        self.limits = optional("limits", limits, Limits) or Limits()
        self.threads = self.limits.within("threads", threads, usable_cpus())
        self.device = choose_device(device, precision)
        self.precision = precision
        # As they were given, for whoever goes on with a work of this engine.
        self._arguments = {
            "model": model,
            "bundle": bundle,
            "device": device,
            "precision": precision,
            "threads": threads,
            "lowering": lowering,
        }
        self._programs = open_programs(model, bundle, trust)
        self.lowering = choose_lowering(lowering, self._programs, self.device)
        self._sessions = Sessions(
            self._programs, self.lowering, self.threads, self.device, self.precision
        )
        can_tile = self.device == "cpu" and not bundle
        spread = (workers, self._programs, self.lowering, threads, can_tile)
        runners, count = runners_of(*spread)
        self._objectives = Objectives(self._programs, self._sessions, runners)
        footprints = Footprints(self._programs, self.lowering, self.device == "cpu")
        planner = Planner(self._programs, footprints, can_tile, count)
        self._drafts = Drafts(self._objectives, planner, self.limits, can_wrap=not bundle)
        self._studio = Studio(self._objectives, self._sessions, self._drafts, self.limits)

    @property
    def model(self) -> str:
        """Name of the network."""
        return self._programs.name

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes what the network computes."""
        return self._programs.fingerprint

    @property
    def defaults(self) -> Options:
        """The options where none are given; those of a bundle ask for what it was made for."""
        return self._given(None)

    @property
    def layers(self) -> list[str]:
        """Names of the layers that options may ask for."""
        return list(self._programs.strides)

    def packed(self) -> bytes:
        """The bytes of the network's file, for another process; a bundle has none."""
        return self._programs.packed()

    def check(self, styles: Sequence[PictureSource], options: Options) -> None:
        """Raise the `StyleError` of `stylize` for what no content picture could be painted with."""
        self._drafts.check(styles, options)

    def stylize(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        **budget: Unpack[Budget],
    ) -> Result:
        """Paint `content` in the manner of `styles`; see `impasto.stylize`."""
        return self._begin(content, listed(styles), self._given(options), **budget)

    def reconstruct(
        self,
        picture: PictureSource,
        options: Options | None = None,
        **budget: Unpack[Budget],
    ) -> Result:
        """Find a picture with the features of `picture`; see `impasto.reconstruct`."""
        options = self._given(options, RECONSTRUCTION)
        return self._begin(picture, (), content_alone(options), **budget)

    def texture(
        self,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        **budget: Unpack[Budget],
    ) -> Result:
        """Paint in the manner of `styles`, and nothing else; see `impasto.texture`."""
        options = self._given(options, TEXTURE)
        return self._begin(None, listed(styles), replace(options, content_layers={}), **budget)

    def _given(self, options: Options | None, task: Options | None = None) -> Options:
        """Those options, or where there are none those of the task."""
        shown = optional("options", options, Options)
        return shown or defaults_for(self._programs.selection, task)

    def _begin(
        self,
        content: PictureSource | None,
        styles: Sequence[PictureSource],
        options: Options,
        *,
        memory: int | None = None,
        time: float | None = None,
        checkpoint: str | Path | Checkpoint | None = None,
        progress: ProgressCallback | None = None,
        stop: Stop | None = None,
    ) -> Result:
        began, seconds = perf_counter(), seconds_of(time)
        with ExitStack() as holding:
            keeper = None
            if checkpoint is not None:
                checkpoint = Checkpoint.of(checkpoint)
                by = (self._arguments, self.limits, self.fingerprint, options, content, styles)
                settings = Settings.of(*by, checkpoint, time=seconds, memory=memory)
                holding.enter_context(held(checkpoint.folder))
                keeper = Keeper(checkpoint, settings)
            return self._studio.paint(
                content, styles, options, began, seconds, memory, keeper, Standing, progress, stop
            )

    def resume(
        self,
        folder: str | Path,
        *,
        time: float | None = None,
        progress: ProgressCallback | None = None,
        stop: Stop | None = None,
    ) -> Result:
        """Go on with a work of this network that was saved in a folder; see `impasto.resume`."""
        began, seconds = perf_counter(), seconds_of(time)
        with held(folder, resuming=True):
            settings, standing = read_header(folder)
            settings.check(self.fingerprint)
            total = settings.time if seconds is None else standing.seconds + seconds
            settings = replace(settings, time=total)
            keeper = Keeper(Checkpoint(folder, settings.every), settings, resuming=True)
            return self._studio.paint(
                None if settings.content is None else settings.content.path,
                [style.path for style in settings.styles],
                settings.options,
                began - standing.seconds,
                total,
                settings.memory,
                keeper,
                partial(read_standing, folder),
                progress,
                stop,
            )

    def save_style(
        self,
        style: PictureSource,
        path: str | Path,
        options: Options | None = None,
        *,
        sizes: Sequence[int] = (512,),
        memory: int | None = None,
        stop: Stop | None = None,
    ) -> KnownTargets:
        """Write a style file: the style picture, and what this network sees of it. It can be given
        wherever a style picture can; works of these sizes begin sooner with it.

        Args:
            path: with the suffix .style.
            options: of these works: layers, style_loss, style_scale (one number), pool, border, and
                those of levels count.
            sizes: longer sides of results; with none, only the picture is saved.
            memory: bytes that the process may take.
            stop: ends the work when it is requested.

        Raises:
            OptionsError: another suffix, or options that cannot be.
            StyleError: the picture cannot be used, or the file not be written.
            Stopped: `stop` was requested; no file is written.
        """
        if path_of("the name of the file", path).suffix.lower() != ".style":
            raise OptionsError(f"the style file {str(path)!r} must have the suffix .style")
        by, shown = (self.model, self.fingerprint), self._given(options)
        return self._studio.save_style(style, Path(path), shown, by, sizes, memory, stop)

    def objective(
        self,
        content: PictureSource | None,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
    ) -> Objective:
        """The objective at the final size: for hosts, tests and other optimisers.

        Where it is to be balanced (`Options.balance_gradients`), it is so at the initial canvas;
        `Objective.balanced` does it for another.

        Args:
            content: None for that of a texture.

        Raises:
            ImageTooSmall: `options.size` is less than the network needs.
            StyleError: anything else that `stylize` would refuse.
        """
        return self._studio.objective(content, listed(styles), self._given(options))

    def levels(self, shape: tuple[int, int], options: Options) -> tuple[Level, ...]:
        """See `Drafts.levels`."""
        return self._drafts.levels(shape, options)

    def objective_at(
        self,
        content: np.ndarray | None,
        styles: Sequence[Picture | np.ndarray],
        options: Options,
        stop: Stop,
        tiling: Tiling | None = None,
        shape: tuple[int, int] | None = None,
        sights: Sequence[Sight] = (),
    ) -> Objective:
        """See `Objectives.at`."""
        return self._objectives.at(content, styles, options, stop, tiling, shape, sights)

    def plan(
        self,
        content: PictureSource | None,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        *,
        memory: int | None = None,
        timed: bool = False,
        stop: Stop | None = None,
    ) -> Plan:
        """How a picture would be made, from the headers of the pictures alone.

        Args:
            memory: bytes that the process may take; None is `memory.default_budget()`.
            timed: whether to estimate the seconds too: two small canvases are evaluated twice.
            stop: ends it, by a `Stopped`, when it is requested.

        Raises:
            MemoryLimit: it needs more; the message tells how much, and the largest size that fits.
            StyleError: anything else that `stylize` would refuse.
        """
        draft = self._drafts.of(content, listed(styles), self._given(options))
        return draft.plan(self.limits.within("memory", memory, default_budget()), timed, stop)
