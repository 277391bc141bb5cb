"""The whole objective written again in torch: an independent VGG, Gram matrices and formulas."""

import numpy as np
import torch
from torch.nn import functional

POOLINGS = {"max": functional.max_pool2d, "average": functional.avg_pool2d}


def features(network, image, pooling="max", border="zeros"):
    """Every layer by name, for a (1, 3, H, W) picture in 0..1."""
    dtype = image.dtype
    mean, std = (
        torch.tensor(part, dtype=dtype).view(1, 3, 1, 1) for part in (network.mean, network.std)
    )
    x = (image - mean) / std
    layers = {}
    for block, count in enumerate(network.architecture.blocks, 1):
        for number in range(1, count + 1):
            weight, bias = (
                torch.tensor(network.weights[f"conv{block}_{number}.{part}"], dtype=dtype)
                for part in ("weight", "bias")
            )
            own = border != "zeros" and (block, number) == (1, 1)
            x = functional.pad(x, (1, 1, 1, 1), mode=border if own else "constant")
            x = functional.relu(functional.conv2d(x, weight, bias))
            layers[f"relu{block}_{number}"] = x
        if min(x.shape[2:]) >= 2:
            x = POOLINGS[pooling](x, 2)
            layers[f"pool{block}"] = x
    return layers


def gram(layer):
    """The mean of f fᵀ over positions."""
    flat = layer[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def targets(network, content_layers, style_layers, photograph, painting, **how):
    """By the names of the program's inputs, in the pictures' own precision."""
    with torch.no_grad():
        seen, painted = features(network, photograph, **how), features(network, painting, **how)
    found = {f"content.{layer}": seen[layer] for layer in content_layers}
    return found | {f"style.{layer}": gram(painted[layer]) for layer in style_layers}


def relative(options, found):
    """The coefficients of the relative objective by term, from its formula."""
    total = sum(options.style_layers.values())
    factors = {"tv": options.tv_weight}
    for name, target in found.items():
        kind, layer = name.split(".")
        if kind == "content":
            weight = options.content_weight * options.content_layers[layer]
        else:
            weight = options.style_factor * options.style_layers[layer] / total
        factors[name] = weight / float((target.double() ** 2).sum())
    return factors


def objective(network, found, factors, image, **how):
    """The loss as a torch scalar, and its terms by name."""
    layers = features(network, image, **how)
    terms = {}
    for name, target in found.items():
        kind, layer = name.split(".")
        value = layers[layer] if kind == "content" else gram(layers[layer])
        terms[name] = factors[name] * ((value - target) ** 2).sum()
    down, right = image.diff(dim=2), image.diff(dim=3)
    pixels = image.shape[2] * image.shape[3]
    terms["tv"] = factors["tv"] * ((down**2).sum() + (right**2).sum()) / pixels
    return sum(terms.values()), terms


def image_of(picture, dtype):
    """(H, W, 3) array -> (1, 3, H, W) tensor."""
    return torch.tensor(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]), dtype=dtype)
