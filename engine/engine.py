"""The engine: a network's sessions, opened once and used for any number of pictures."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from .cpus import usable_cpus
from .errors import LimitError, OptionsError
from .formulas import coefficients
from .images import PictureSource, read_picture, resize
from .limits import Limits
from .objective import Objective
from .options import Options
from .programs import Program, Programs, Selection, load_programs
from .pyramid import Level, plan_levels
from .records import ProgressCallback, Result
from .session import Session, Weights, choose_device
from .stop import Stop
from .targets import content_targets, style_targets

__all__ = ["Engine"]


class Engine:
    """Holds one network, its weights and its sessions. Safe to use from several threads at once.

    Args:
        model: name or path of a network; None is the embedded one.
        bundle: path of an exported bundle, instead of `model`.
        trust: a bundle's SHA-256, or True to run it unseen; one exported on this machine needs
            neither.
        device: "auto" (CUDA where ONNX Runtime has it), "cpu", "cuda" or "cuda:N".
        threads: processors to use; None is all that this process may use.
        limits: of what is accepted.

    Raises:
        ModelError: the network cannot be used.
        OptionsError: a wrong device or number of threads.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        bundle: str | Path | None = None,
        trust: str | bool = False,
        device: str = "auto",
        threads: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        whole = isinstance(threads, int) and not isinstance(threads, bool)
        if threads is not None and not (whole and 1 <= threads <= 1024):
            raise OptionsError(f"threads must be a whole number from 1 to 1024, not {threads!r}")
        if bundle is not None and model is not None:
            raise OptionsError("give a model or a bundle, not both: a bundle holds its own network")
        self.threads = threads or usable_cpus()
        self.device = choose_device(device)
        self.limits = limits or Limits()
        self._programs = _programs(model, bundle, trust)
        self._weights = Weights(self._programs.weights)
        self._sessions: dict[tuple[str, Selection], Session] = {}
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """Name of the network."""
        return self._programs.name

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes what the network computes."""
        return self._programs.fingerprint

    @property
    def layers(self) -> list[str]:
        """Names of the layers that options may ask for."""
        return list(self._programs.layers)

    def stylize(
        self,
        content: PictureSource,
        styles: PictureSource | Sequence[PictureSource],
        options: Options | None = None,
        *,
        progress: ProgressCallback | None = None,
        stop: Stop | None = None,
    ) -> Result:
        """Paint `content` in the manner of `styles`; see `impasto.stylize`."""
        from .stylize import paint

        return paint(
            self,
            read_picture(content, self.limits, "content picture"),
            self._read_styles(styles),
            options or Options(),
            progress,
            stop or Stop(),
        )

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
        options = options or Options()
        picture = read_picture(content, self.limits, "content picture").rgb
        final = self.levels(picture, options)[-1]
        return self.objective_at(
            resize(picture, final.height, final.width), self._read_styles(styles), options, Stop()
        )

    def levels(self, content: np.ndarray, options: Options) -> tuple[Level, ...]:
        """The scales at which a content picture, (H, W, 3), is worked on, from coarse to fine.

        Raises:
            LimitError: the result would be larger than the limits allow.
            StyleError: see `pyramid.plan_levels`.
        """
        if options.size > self.limits.output_side:
            raise LimitError(
                f"size is {options.size}, but the limit of output_side is {self.limits.output_side}"
            )
        return plan_levels(
            (content.shape[0], content.shape[1]),
            options.size,
            options.levels,
            options.iterations,
            self.smallest_side(options),
        )

    def objective_at(
        self, content: np.ndarray, styles: Sequence[np.ndarray], options: Options, stop: Stop
    ) -> Objective:
        """The objective for a content picture that has the canvas's size already."""
        selection = Selection.of(options, self._programs.layers)
        session = self._session("targets", selection)
        shape = (content.shape[0], content.shape[1])
        features = content_targets(session, selection, content, stop)
        grams = style_targets(
            session,
            selection,
            styles,
            max(1, round(options.style_scale * max(shape))),
            self.smallest_side(options),
            stop,
        )
        targets = {f"content.{layer}": target for layer, target in features.items()}
        targets |= {f"style.{layer}": target for layer, target in grams.items()}
        return Objective(
            self._session("objective", selection),
            targets,
            coefficients(options, features, grams),
            [*targets, "tv"],
            shape,
        )

    def smallest_side(self, options: Options) -> int:
        """Pixels that each side of a canvas needs: one position of the deepest layer used."""
        selection = Selection.of(options, self._programs.layers)
        used = (*selection.content_layers, *selection.style_layers)
        return max(self._programs.layers[name].stride for name in used)

    def _read_styles(self, styles: PictureSource | Sequence[PictureSource]) -> list[np.ndarray]:
        several = isinstance(styles, list | tuple)
        sources = cast("Sequence[PictureSource]", styles if several else [styles])
        if not sources:
            raise OptionsError("at least one style picture is needed")
        return [read_picture(source, self.limits, "style picture").rgb for source in sources]

    def _session(self, kind: str, selection: Selection) -> Session:
        self._weights.check_process()  # before the lock: in a forked child it may stay held
        with self._lock:
            key = (kind, selection)
            if key not in self._sessions:
                program: Program = getattr(self._programs, kind)(selection)
                self._sessions[key] = Session(
                    program.model, program.weights, self._weights, self.threads, self.device
                )
            return self._sessions[key]


def _programs(model: str | Path | None, bundle: str | Path | None, trust: str | bool) -> Programs:
    if bundle is None:
        return load_programs(model)
    from .bundle import read_bundle

    return read_bundle(Path(bundle), trust)
