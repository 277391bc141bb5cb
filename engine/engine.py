"""The engine: a network's sessions, opened once and used for any number of pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from .checks import whole
from .cpus import usable_cpus
from .devices import Precision, choose_device
from .errors import LimitError, OptionsError
from .formulas import coefficients
from .images import PictureSource, read_picture, resize
from .limits import Limits
from .lowerings import Lowering, choose_lowering
from .objective import Objective
from .options import Options
from .programs import Programs, Selection, load_programs
from .pyramid import Level, plan_levels
from .records import ProgressCallback, Result
from .sessions import Sessions
from .sources import gather, style_side
from .stop import Stop
from .stylize import paint
from .targets import check_style_size, content_targets, style_targets

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
        if bundle is not None and model is not None:
            raise OptionsError("give a model or a bundle, not both: a bundle holds its own network")
        self.threads = usable_cpus() if threads is None else whole("threads", threads, 1, 1024)
        self.device = choose_device(device, precision)
        self.precision = precision
        self.limits = limits or Limits()
        self._programs = _programs(model, bundle, trust)
        self.lowering = choose_lowering(lowering, self._programs, self.device)
        self._sessions = Sessions(
            self._programs, self.lowering, self.threads, self.device, self.precision
        )

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
        defaults, made_for = Options(), self._programs.selection
        if made_for is None:
            return defaults
        return replace(
            defaults,
            content_layers={
                n: defaults.content_layers.get(n, 1.0) for n in made_for.content_layers
            },
            style_layers={n: defaults.style_layers.get(n, 1.0) for n in made_for.style_layers},
            pool=made_for.pool,
            border=made_for.border,
        )

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
        progress: ProgressCallback | None = None,
        stop: Stop | None = None,
    ) -> Result:
        """Paint `content` in the manner of `styles`; see `impasto.stylize`."""
        began = time.perf_counter()
        options = options or self.defaults
        picture = read_picture(content, self.limits, "content picture")
        levels = self.levels(picture.rgb, options)
        sources = gather(
            picture,
            self._read_styles(styles, levels[-1], options),
            levels,
            options,
            self.smallest_side(options),
            self.limits,
        )
        del picture  # its full size is not looked at any more, and would be held for the whole work
        return paint(
            sources,
            self.objective_at,
            options,
            began=began,
            deadline=self.limits.deadline,
            progress=progress,
            stop=stop or Stop(),
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
        options = options or self.defaults
        picture = read_picture(content, self.limits, "content picture").rgb
        final = self.levels(picture, options)[-1]
        found = self._read_styles(styles, final, options)
        scaled = resize(picture, final.height, final.width)
        return self.objective_at(scaled, found, options, Stop())

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
        selection = Selection.of(options, self._programs.strides)
        shape = (content.shape[0], content.shape[1])
        features, grams = {}, {}
        if layers := selection.content_layers:
            session_for = partial(self._sessions.get, "content", selection)
            features = content_targets(session_for, layers, content, stop)
        if layers := selection.style_layers:
            grams = style_targets(
                partial(self._sessions.get, "style", selection),
                layers,
                styles,
                style_side(options, shape),
                self.smallest_side(options),
                stop,
            )
        targets = {f"content.{layer}": target for layer, target in features.items()}
        targets |= {f"style.{layer}": target for layer, target in grams.items()}
        return Objective(
            self._sessions.get("objective", selection, shape),
            targets,
            coefficients(options, features, grams),
            [*targets, "tv"],
            shape,
        )

    def smallest_side(self, options: Options) -> int:
        """Pixels that each side of a canvas needs: one position of the deepest layer used."""
        selection = Selection.of(options, self._programs.strides)
        used = (*selection.content_layers, *selection.style_layers)
        return max(self._programs.strides[name] for name in used)

    def _read_styles(
        self, styles: PictureSource | Sequence[PictureSource], final: Level, options: Options
    ) -> list[np.ndarray]:
        several = isinstance(styles, list | tuple)
        sources = cast("Sequence[PictureSource]", styles if several else [styles])
        if not sources:
            raise OptionsError("at least one style picture is needed")
        found = [read_picture(source, self.limits, "style picture").rgb for source in sources]
        if options.style_layers:
            longer_side = style_side(options, (final.height, final.width))
            for style in found:
                check_style_size(style, longer_side, self.smallest_side(options), self.limits)
        return found


def _programs(model: str | Path | None, bundle: str | Path | None, trust: str | bool) -> Programs:
    if bundle is None:
        return load_programs(model)
    from .bundle import read_bundle

    return read_bundle(Path(bundle), trust)
