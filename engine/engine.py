"""The engine: a network's sessions, opened once and used for any number of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from .checkpoint import Keeper, Standing, read_work
from .checks import whole
from .cpus import usable_cpus
from .devices import Precision, choose_device
from .errors import LimitError
from .footprints import Footprints
from .images import Picture, PictureSource, read_header, read_picture, resize
from .limits import Limits
from .lowerings import Lowering, choose_lowering
from .memory import default_budget, enough_memory
from .objective import Objective
from .objectives import Objectives
from .options import Options
from .pacing import seconds_of
from .plan import Plan, Work
from .planner import Planner
from .planning import work_of
from .programs import defaults_for, open_programs
from .pyramid import Level, plan_levels
from .records import ProgressCallback, Result
from .sessions import Sessions
from .settings import Checkpoint, Settings
from .sources import gather, initial_header, listed, read_styles
from .stop import Stop
from .stylize import paint
from .tiles import Tiling

__all__ = ["Engine"]


class Engine:
    """Holds one network, its weights and its sessions. Safe to use from several threads at once.

    Args:
        model: name or path of a network; None is the embedded one.
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

    Raises:
        ModelError: the network cannot be used.
        OptionsError: a wrong device, precision, lowering or number of threads.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        bundle: str | Path | None = None,
        trust: str | bool = False,
        device: str = "auto",
        precision: Precision = "float32",
        threads: int | None = None,
        lowering: Lowering = "auto",
        limits: Limits | None = None,
    ) -> None:
        self.threads = usable_cpus() if threads is None else whole("threads", threads, 1, 1024)
        self.device = choose_device(device, precision)
        self.precision = precision
        self.limits = limits or Limits()
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
        self._objectives = Objectives(self._programs, self._sessions)
        on_host = self.device == "cpu"
        footprints = Footprints(self._programs, self.lowering, on_host)
        self._planner = Planner(self._programs, footprints, on_host and not bundle)

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
        return defaults_for(self._programs.selection)

    @property
    def layers(self) -> list[str]:
        """Names of the layers that options may ask for."""
        return list(self._programs.strides)

    def stylize(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        *,
        memory: int | None = None,
        time: float | None = None,
        checkpoint: str | Path | Checkpoint | None = None,
        progress: ProgressCallback | None = None,
        stop: Stop | None = None,
    ) -> Result:
        """Paint `content` in the manner of `styles`; see `impasto.stylize`."""
        began = perf_counter()
        options, seconds = options or self.defaults, seconds_of(time)
        keeper = None
        if checkpoint is not None:
            checkpoint = Checkpoint.of(checkpoint)
            keeper = Keeper(
                checkpoint,
                Settings.of(
                    self._arguments,
                    self.limits,
                    self.fingerprint,
                    options,
                    content,
                    styles,
                    checkpoint,
                    time=seconds,
                    memory=memory,
                ),
            )
        return self._paint(
            content, styles, options, began, seconds, memory, keeper, Standing(), progress, stop
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
        settings, standing = read_work(folder)
        settings.check(self.fingerprint)
        total = settings.time if seconds is None else standing.seconds + seconds
        settings = replace(settings, time=total)
        keeper = Keeper(Checkpoint(folder, settings.every), settings, resuming=True)
        return self._paint(
            settings.content.path,
            [style.path for style in settings.styles],
            settings.options,
            began - standing.seconds,
            total,
            settings.memory,
            keeper,
            standing,
            progress,
            stop,
        )

    def _paint(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options,
        began: float,
        time: float | None,
        memory: int | None,
        keeper: Keeper | None,
        standing: Standing,
        progress: ProgressCallback | None,
        stop: Stop | None,
    ) -> Result:
        plan = self.plan(content, styles, options, memory=memory)
        picture = read_picture(content, self.limits, "content picture")
        levels = self.levels(picture.shape[:2], options)
        found = read_styles(styles, levels[-1], options, self.smallest_side(options), self.limits)
        sources = gather(picture, found, levels, options, self.limits)
        tilings = {(level.height, level.width): level.tiling for level in plan.levels}

        def objective_at(
            content: np.ndarray, styles: Sequence[Picture], options: Options, stop: Stop
        ) -> Objective:
            tiling = tilings[content.shape[0], content.shape[1]]
            return self.objective_at(content, styles, options, stop, tiling)

        del picture, found  # the work lets them go as soon as it can
        result = paint(
            sources,
            objective_at,
            options,
            methods=[level.method for level in plan.levels],
            began=began,
            deadline=self.limits.deadline,
            time=time,
            progress=progress,
            stop=stop or Stop(),
            keeper=keeper,
            standing=standing,
        )
        return replace(result, plan=plan)

    def objective(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
    ) -> Objective:
        """The objective at the final size: for hosts, tests and other optimisers.

        Raises:
            ImageTooSmall: `options.size` is less than the network needs.
            StyleError: anything else that `stylize` would refuse.
        """
        options = options or self.defaults
        picture = read_picture(content, self.limits, "content picture")
        final = self.levels(picture.shape[:2], options)[-1]
        found = read_styles(styles, final, options, self.smallest_side(options), self.limits)
        scaled = resize(picture, final.height, final.width)
        return self.objective_at(scaled, found, options, Stop())

    def levels(self, shape: tuple[int, int], options: Options) -> tuple[Level, ...]:
        """The scales at which a content picture of this (height, width) is worked on, from coarse
        to fine.

        Raises:
            LimitError: the result would be larger than the limits allow.
            StyleError: see `pyramid.plan_levels`.
        """
        if options.size > self.limits.output_side:
            raise LimitError(
                f"size is {options.size}, but the limit of output_side is {self.limits.output_side}"
            )
        return plan_levels(
            shape,
            options.size,
            options.levels,
            options.iterations,
            self.smallest_side(options),
        )

    def objective_at(
        self,
        content: np.ndarray,
        styles: Sequence[Picture | np.ndarray],
        options: Options,
        stop: Stop,
        tiling: Tiling | None = None,
    ) -> Objective:
        """See `Objectives.at`."""
        return self._objectives.at(content, styles, options, stop, tiling)

    def plan(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        *,
        memory: int | None = None,
        timed: bool = False,
    ) -> Plan:
        """How a picture would be made, from the headers of the pictures alone.

        Args:
            memory: bytes that the process may take; None is `memory.default_budget()`.
            timed: whether to estimate the seconds too, for which the two coarsest levels are
                evaluated twice.

        Raises:
            MemoryLimit: there is no way to make it in so much; the message tells what it needs, and
                the largest size that fits.
            StyleError: anything else that `stylize` would refuse.
        """
        options = options or self.defaults
        with enough_memory():
            work = self._work(content, styles, options)
            plan = self._planner.plan(work, default_budget() if memory is None else memory)
            return plan.timed(self._objectives.seconds(plan, options)) if timed else plan

    def _work(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options,
    ) -> Work:
        header = read_header(content, self.limits, "content picture")
        return work_of(
            header,
            [read_header(style, self.limits, "style picture") for style in listed(styles)],
            initial_header(options, self.limits),
            self.levels(header.shape[:2], options),
            options,
            self._objectives.selection(options),
            self.smallest_side(options),
        )

    def smallest_side(self, options: Options) -> int:
        """Pixels that each side of a canvas needs: one position of the deepest layer used."""
        return self._objectives.smallest_side(options)
