"""The same objective in torch, as fast as plain torch goes; what Impasto is measured against.

The only importer of torch in the command line, in a process that was started for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.options import Options
from ..models.store import load
from .bench_child import read_pictures, serve, timed

if TYPE_CHECKING:
    from ..export.networks import Network

__all__ = ["TorchObjective"]


class TorchObjective:
    """The relative objective on max pooling: loss, and gradient by the canvas.

    Args:
        network: whose weights are used up to the deepest layer that `options` name.
        options: layers, weights and border; max pooling and the relative formula are assumed.
        photograph, painting: (H, W, 3) float32 in 0..1, at the sizes at which they are looked at.
        layout: "contiguous" or "channels-last", of the canvas and the weights.
        compiled: whether loss and network go through torch.compile.
        exact: in float64.
    """

    def __init__(
        self,
        network: Network,
        options: Options,
        photograph: np.ndarray,
        painting: np.ndarray,
        *,
        layout: str = "contiguous",
        compiled: bool = False,
        exact: bool = False,
    ) -> None:
        import torch

        self._dtype = torch.float64 if exact else torch.float32
        self._format = {
            "contiguous": torch.contiguous_format,
            "channels-last": torch.channels_last,
        }[layout]
        self._border = options.border
        self._mean, self._std = (
            torch.tensor(part, dtype=self._dtype).view(1, 3, 1, 1)
            for part in (network.mean, network.std)
        )
        self._layers = _steps(network, {*options.content_layers, *options.style_layers})
        self._weights = {
            name: tensor.to(memory_format=self._format) if tensor.dim() == 4 else tensor
            for name, content in network.weights.items()
            if name.partition(".")[0] in self._layers
            for tensor in [torch.from_numpy(np.asarray(content, np.float32)).to(self._dtype)]
        }
        self._targets: dict[str, Any] = {}
        self._factors = {"tv": options.tv_weight}
        self._set_targets(options, photograph, painting)
        # The canvas of a descent has one size: with `dynamic` the compiler need not expect others.
        self._loss: Callable[[Any], Any] = (
            torch.compile(self._loss_of, dynamic=False) if compiled else self._loss_of
        )

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss, and gradient as (H, W, 3), of a canvas (H, W, 3)."""
        import torch

        image = self._image(canvas).requires_grad_()
        loss = self._loss(image)
        (gradient,) = torch.autograd.grad(loss, image)
        return loss.item(), gradient[0].permute(1, 2, 0).numpy()

    def _set_targets(self, options: Options, photograph: np.ndarray, painting: np.ndarray) -> None:
        import torch

        with torch.no_grad():
            content = self._features(self._image(photograph), set(options.content_layers))
            style = self._features(self._image(painting), set(options.style_layers))
        total = sum(options.style_layers.values())
        for layer, weight in options.content_layers.items():
            name = f"content.{layer}"
            self._targets[name] = content[layer]
            self._factors[name] = options.content_weight * weight
        for layer, weight in options.style_layers.items():
            name = f"style.{layer}"
            self._targets[name] = _gram(style[layer])
            self._factors[name] = options.style_factor * weight / total
        for name, target in self._targets.items():
            self._factors[name] /= float(target.double().square().sum())

    def _loss_of(self, image: Any) -> Any:
        layers = self._features(image, {name.partition(".")[2] for name in self._targets})
        loss: Any = 0.0
        for name, target in self._targets.items():
            kind, _, layer = name.partition(".")
            value = layers[layer] if kind == "content" else _gram(layers[layer])
            loss = loss + self._factors[name] * (value - target).square().sum()
        if self._factors["tv"]:
            down, right = image.diff(dim=2).square().sum(), image.diff(dim=3).square().sum()
            loss = loss + self._factors["tv"] * (down + right) / (image.shape[2] * image.shape[3])
        return loss

    def _features(self, image: Any, wanted: set[str]) -> dict[str, Any]:
        from torch.nn import functional

        x = (image - self._mean) / self._std
        found = {}
        for number, step in enumerate(self._layers):
            if step.startswith("pool"):
                x = functional.max_pool2d(x, 2)
            else:
                padding = 1
                if number == 0 and self._border != "zeros":
                    x, padding = _surrounded(x, 1 if self._border == "reflect" else 0), 0
                weight, bias = (self._weights[f"{step}.{part}"] for part in ("weight", "bias"))
                # In place, since the gradient of a convolution by its input needs no output.
                x = functional.relu_(functional.conv2d(x, weight, bias, padding=padding))
                step = step.replace("conv", "relu")
            if step in wanted:
                found[step] = x
        return found

    def _image(self, picture: np.ndarray) -> Any:
        import torch

        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        return image.to(self._dtype).to(memory_format=self._format)


def _steps(network: Network, wanted: set[str]) -> list[str]:
    """Convolutions and poolings, in order, up to the deepest of the layers that are looked at."""
    layers = list(network.architecture.layers())
    deepest = max(map(layers.index, wanted))
    return [layer.replace("relu", "conv") for layer in layers[: deepest + 1]]


def _surrounded(image: Any, inwards: int) -> Any:
    """One row and column more on each side, those that lie so many inside of the outermost;
    torch.compile fails at the gradient of torch's own padding."""
    import torch

    for axis in (2, 3):
        last = image.shape[axis] - 1 - inwards
        before, after = (image.narrow(axis, place, 1) for place in (inwards, last))
        image = torch.cat([before, image, after], dim=axis)
    return image


def _gram(layer: Any) -> Any:
    """The mean of f fᵀ over positions; a view in either layout, where `flatten` might copy."""
    if layer.is_contiguous():
        flat = layer[0].flatten(1)
        return flat @ flat.T / flat.shape[1]
    flat = layer[0].permute(1, 2, 0).flatten(0, 1)
    return flat.T @ flat / flat.shape[0]


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluations in the layout, and with the compiler, that `job` names."""
    import torch

    torch.set_num_threads(job["threads"])
    photograph, painting, canvas = read_pictures(job["folder"])
    how = {name: job[name] for name in ("layout", "compiled", "exact")}
    objective = TorchObjective(load(job["model"]), Options(), photograph, painting, **how)
    return timed(lambda: objective.evaluate(canvas), job) | {
        "versions": {"torch": torch.__version__}
    }


if __name__ == "__main__":
    serve(measure)
