"""A mosaic: overlapping suns and fans of hand-cut stones, in gold, terracotta and teal."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from .fields import Field, fractal, grid, halved, lerp, smooth_noise, smoothstep
from .light import lit
from .palette import pigment, ramp

__all__ = ["paint_mosaic"]

_MORTAR = "#2a1c18"
_SCHEMES = [
    ["#fbe7b2", "#f2b33d", "#e07b27", "#b23a1e", "#6d1f1d"],
    ["#fff1cf", "#f6cf6b", "#d99a2b", "#8a5a1e", "#c2481f"],
    ["#f7dfa8", "#e8913a", "#c9432a", "#7d1f2b", "#2d5f66"],
    ["#f4e3c0", "#7fb5a3", "#2f7f83", "#17505e", "#e5a33a"],
    ["#fbd9a0", "#ee9d55", "#d65a3a", "#a32b33", "#f0b848"],
]
_LARGEST, _SMALLEST = 0.34, 0.075  # radii of the discs, in units of the picture's width
_DISCS = 150


@dataclass(frozen=True)
class _Disc:
    """One sun or fan: concentric rings of stones around (y, x), in one colour scheme."""

    y: float
    x: float
    radius: float
    scheme: list[str]
    ring: float  # width of a ring of stones, in units of the picture's width
    stripes: float  # how often the colours repeat from the middle to the rim
    petals: int  # 0 for plain rings


@dataclass
class _Wall:
    """The wall as it is set: colour of the stones, distance to their joints, and their names."""

    colour: Field  # (H, W, 3)
    joint: Field  # distance to the nearest joint, in units of the picture's width
    stone: Field  # a number that differs from stone to stone


def paint_mosaic(size: int, rng: np.random.Generator) -> Field:
    """A square wall (size, size, 3) in 0..1, set at twice the size and then reduced."""
    full = 2 * size
    x, y = grid(full, full)
    x = x + 0.0024 * smooth_noise(full, full, full / 30, rng)
    y = y + 0.0024 * smooth_noise(full, full, full / 30, rng)
    wall = _Wall(np.zeros((full, full, 3)), np.zeros((full, full)), np.zeros((full, full)))
    for disc in _discs(rng):
        _set(wall, disc, x, y, rng)
    return halved(_finished(wall, full, rng))


def _discs(rng: np.random.Generator) -> list[_Disc]:
    """Discs from large to small, the later ones laid over the earlier, never twice in one place."""
    discs: list[_Disc] = []
    for radius in np.geomspace(_LARGEST, _SMALLEST, _DISCS):
        places = rng.uniform(-0.05, 1.05, (40, 2))
        crowding = [
            max(
                (disc.radius + 0.4 * radius - np.hypot(disc.y - y, disc.x - x) for disc in discs),
                default=0.0,
            )
            for y, x in places
        ]
        y, x = places[int(np.argmin(crowding))]
        scheme = _SCHEMES[rng.choice(len(_SCHEMES), p=[0.24, 0.24, 0.18, 0.18, 0.16])]
        ring = rng.uniform(0.011, 0.017)
        petals = int(rng.choice([0, 0, 8, 12, 16]))
        discs.append(_Disc(y, x, radius, scheme, ring, rng.uniform(0.8, 2.4), petals))
    return discs


def _set(wall: _Wall, disc: _Disc, x: Field, y: Field, rng: np.random.Generator) -> None:
    """Set one disc's stones into the wall, over what is there."""
    away = np.hypot(y - disc.y, x - disc.x)
    inside = away < disc.radius
    if not inside.any():
        return
    radius = away[inside]
    turn = np.arctan2(y[inside] - disc.y, x[inside] - disc.x) / (2 * np.pi) + 0.5
    rings = max(round(disc.radius / disc.ring), 2)
    width = disc.radius / rings
    ring = np.clip((radius / width).astype(np.intp), 0, rings - 1)

    count = np.maximum(np.round(2 * np.pi * (ring + 0.5) * rng.uniform(0.75, 1.0)), 5)
    place = turn * count + rng.random(rings)[ring]
    stone = np.floor(place) % count
    side = np.abs(place - np.floor(place) - 0.5)
    to_side = (0.5 - side) * 2 * np.pi * (ring + 0.5) * width / count
    to_ring = np.minimum(radius - ring * width, (ring + 1) * width - radius)

    wave = 0.5 - 0.5 * np.cos(2 * np.pi * disc.stripes * (ring + 0.5) / rings)
    petal = 0.5 * np.cos(2 * np.pi * disc.petals * stone / count) if disc.petals else 0.0
    wall.colour[inside] = ramp(disc.scheme, wave + 0.35 * petal)
    wall.joint[inside] = np.minimum(to_side, to_ring)
    wall.stone[inside] = (ring * 977 + stone + rng.integers(1 << 20)) % 65536


def _finished(wall: _Wall, full: int, rng: np.random.Generator) -> Field:
    """Each stone its own shade and tilt, mortar between, and light over the whole."""
    name = wall.stone.astype(np.intp)
    shade = rng.normal(0.97, 0.11, 65536)[name]
    warmth = rng.normal(0.0, 0.05, 65536)[name]
    tilt_y, tilt_x = rng.normal(0.0, 0.10, (2, 65536))
    stones = wall.colour * shade[..., None]
    stones = stones + warmth[..., None] * np.array([1.0, 0.1, -0.6])
    grain = fractal(full, full, full / 120, 3, rng)
    stones = stones * (1.0 + 0.045 * grain[..., None])

    solid = smoothstep(0.0009, 0.0018, wall.joint)
    mortar = pigment(_MORTAR) * (1.0 + 0.15 * grain[..., None])
    bevel = np.clip(wall.joint / 0.0032, 0.0, 1.0)
    height = 3.2 * gaussian_filter(np.sqrt(bevel), 1.2) + 0.12 * grain
    gleam = 1.0 + (tilt_y + tilt_x)[name] * solid
    face = lerp(mortar, np.clip(stones * gleam[..., None], 0.0, 1.0), solid)
    return lit(np.clip(face, 0.0, 1.0), height, strength=0.75, gloss=0.8)
