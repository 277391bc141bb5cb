"""A woodcut: two flat inks and a key block of carved lines, a little out of register."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from .fields import Field, fractal, grid, halved, lerp, smooth_noise, smoothstep
from .palette import pigment

__all__ = ["paint_woodcut"]

_PAPER, _KEY = "#f1e6cd", "#1b1a22"
_WARM, _COOL = "#d8542f", "#3d7d86"
_SUN = (0.30, 0.37)  # (y, x), in units of the picture's width


@dataclass(frozen=True)
class _Scene:
    """What the block shows: where to carve, along which lines, and how dark."""

    phase: Field  # lines are carved along its level sets, one for each whole number
    tone: Field  # share of black, 0..1
    warm: Field  # where the warm ink lies, 0..1
    cool: Field  # where the cool ink lies, 0..1


def paint_woodcut(size: int, rng: np.random.Generator) -> Field:
    """A square print (size, size, 3) in 0..1, cut at twice the size and then reduced."""
    full = 2 * size
    scene = _scene(full, rng)
    print_ = np.broadcast_to(pigment(_PAPER), (full, full, 3))
    print_ = print_ * (1.0 + 0.018 * fractal(full, full, full / 60, 5, rng))[..., None]
    print_ = _inked(print_, shift(scene.warm, (3, -4), order=1, mode="nearest"), _WARM, 0.93, rng)
    print_ = _inked(print_, shift(scene.cool, (-3, 3), order=1, mode="nearest"), _COOL, 0.90, rng)
    print_ = _inked(print_, _carved(scene, full, rng), _KEY, 0.96, rng)
    return halved(np.clip(print_, 0.0, 1.0))


def _carved(scene: _Scene, full: int, rng: np.random.Generator) -> Field:
    """The black of the key block, 0..1: what the gouge left standing between its cuts."""
    hand = 0.16 * smooth_noise(full, full, full / 24, rng)
    cut = np.abs(2.0 * ((scene.phase + hand) % 1.0) - 1.0)
    chips = fractal(full, full, full / 40, 3, rng)
    dark = np.clip(scene.tone + 0.10 * chips, 0.0, 1.0)
    return gaussian_filter(smoothstep(-0.06, 0.06, dark - cut), 1.0)


def _inked(
    print_: Field, block: Field, ink: str, strength: float, rng: np.random.Generator
) -> Field:
    """The print after one more block: ink covers where the block stands, with the wood's salt."""
    full = len(block)
    wood = gaussian_filter(rng.standard_normal((full, full)), (1.2, 9.0))
    salt = gaussian_filter(rng.standard_normal((full, full)), 1.1)
    missed = smoothstep(1.5, 2.6, 0.8 * wood / wood.std() + 0.9 * salt / salt.std())
    return lerp(
        print_, np.broadcast_to(pigment(ink), print_.shape), strength * block * (1 - missed)
    )


def _scene(full: int, rng: np.random.Generator) -> _Scene:
    """Sun over three ridges and a bay: each plane carved in its own direction."""
    x, y = grid(full, full)
    sky = _sky(x, y, full, rng)
    planes = [_ridge(x, y, full, 0.47, 0.085, 0.42, rng), _ridge(x, y, full, 0.56, 0.11, 0.55, rng)]
    planes += [_bay(x, y, full, rng), _hill(x, y, full, rng)]
    scene = sky
    for plane, mask in planes:
        scene = _over(scene, plane, mask)
    return scene


def _over(back: _Scene, front: _Scene, mask: Field) -> _Scene:
    """One plane laid over another, with a white line cut along its edge and a black one inside."""
    solid = mask > 0.5
    edge = gaussian_filter(solid.astype(np.float64), 4.0)
    halo = (~solid) & (edge > 0.10)
    rim = solid & (edge < 0.90)
    tone = np.where(solid, front.tone, back.tone)
    tone = np.where(rim, 1.5, np.where(halo, -1.0, tone))
    return _Scene(
        phase=np.where(solid, front.phase, back.phase),
        tone=tone,
        warm=np.where(solid, front.warm, back.warm),
        cool=np.where(solid, front.cool, back.cool),
    )


def _sky(x: Field, y: Field, full: int, rng: np.random.Generator) -> _Scene:
    """Rays around the sun that bend into streaming clouds."""
    away = np.hypot(y - _SUN[0], x - _SUN[1])
    turn = np.arctan2(y - _SUN[0], x - _SUN[1]) / (2 * np.pi)
    sway = fractal(full, full, full / 3, 2, rng)
    swirl = turn * 96 + 5.0 * away + 0.5 * sway
    stream = (y + 0.05 * np.sin(5 * x + 1.0) + 0.02 * sway) * 74
    billow = np.sin(2 * np.pi * (3.2 * y + 0.5 * x) + 1.3 * sway)
    cloud = billow > 0.25 + 1.1 * (1.0 - smoothstep(0.12, 0.42, away))
    spike = np.abs(2.0 * ((turn * 48) % 1.0) - 1.0)
    dusk = (away > 0.40 + 0.13 * spike) & ~cloud
    disc = away < 0.115
    tone = np.where(cloud, 0.62 - 0.30 * y, 0.10 + 0.75 * smoothstep(0.1, 0.75, away))
    tone = np.where(disc, 0.05 + 2.2 * np.clip(y - _SUN[0], 0, 1), tone)
    rim = np.abs(away - 0.117) < 0.004
    return _Scene(
        phase=np.where(disc, away * 90, np.where(cloud, stream, swirl)),
        tone=np.where(rim, 1.5, np.where((away < 0.135) & ~disc, -1.0, tone)),
        warm=np.where(disc | (cloud & (y > 0.14)), 1.0, 0.0),
        cool=np.where(dusk, 1.0, 0.0),
    )


def _ridge(
    x: Field, y: Field, full: int, top: float, rise: float, dark: float, rng: np.random.Generator
) -> tuple[_Scene, Field]:
    """A mountain range: strokes run down its flanks, black on the side away from the sun."""
    line = fractal(8, full, full / 3, 5, rng)[4]
    crest = top - rise * 0.6 * line[None, :]
    below = y - crest
    slope = gaussian_filter(np.gradient(line) * full, full / 90)
    spur = x + 0.55 * below + 0.012 * fractal(full, full, full / 12, 3, rng)
    fall = np.interp(spur, x[0], slope)
    lee = smoothstep(-4.0, 4.0, -fall)
    return _Scene(
        phase=(x + below * (0.55 - 0.9 * lee)) * 62 + 14 * below,
        tone=dark * (0.25 + 1.15 * lee) - 0.5 * below,
        warm=np.zeros_like(y),
        cool=np.ones_like(y),
    ), (below > 0).astype(np.float64)


def _bay(x: Field, y: Field, full: int, rng: np.random.Generator) -> tuple[_Scene, Field]:
    """Water: level lines that widen towards us, with the sun's path left bare and warm."""
    near = np.clip(y - 0.655, 0.0, None)
    ripple = 0.012 * np.sin(26 * x + 40 * near) + 0.008 * smooth_noise(full, full, full / 9, rng)
    path = np.abs(x - _SUN[1] + 0.02 * np.sin(60 * near)) < 0.035 + 0.24 * near
    glint = smooth_noise(full, full, full / 14, rng)
    return _Scene(
        phase=42 * np.sqrt(near + 0.02) * (1.0 + ripple) + 14 * ripple * near / 0.3,
        tone=np.where(path, 0.22, 0.55) + 0.14 * glint,
        warm=np.where(path, 1.0, 0.0),
        cool=np.where(path, 0.0, 1.0),
    ), (y > 0.655).astype(np.float64)


def _hill(x: Field, y: Field, full: int, rng: np.random.Generator) -> tuple[_Scene, Field]:
    """The near hill: furrows that follow its swell."""
    crest = 0.99 - 0.30 * smoothstep(0.25, 1.05, x) - 0.03 * np.sin(7 * x)
    below = y - crest
    furrow = below * (1.0 + 0.9 * x) + 0.015 * smooth_noise(full, full, full / 8, rng)
    return _Scene(
        phase=furrow * 52 + 3.0 * np.sin(9 * x),
        tone=0.50 + 0.9 * below + 0.12 * smooth_noise(full, full, full / 6, rng),
        warm=(np.sin(furrow * 40) > -0.2).astype(np.float64),
        cool=np.zeros_like(y),
    ), (below > 0).astype(np.float64)
