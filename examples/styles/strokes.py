"""Oil strokes: a swell at dusk, painted along the streamlines of an invented current."""

import numpy as np
from scipy.ndimage import gaussian_filter

from .brush import Brush, Canvas, follow
from .fields import Field, fractal, grid, halved, lerp, smoothstep
from .light import lit
from .palette import jittered, ramp

__all__ = ["paint_strokes"]

_SEA = ["#131f4d", "#1d3568", "#27518c", "#2f76a0", "#4296a0", "#9cc2ad", "#e6bd72", "#f3e6c4"]
_SKY = ["#1f2f66", "#34568f", "#6e93ad", "#c9c6a6", "#f0dca6", "#e2a944", "#c8702a"]
_GLOW = ["#fdf0c8", "#fbe29a", "#f6c95a", "#eaa03a", "#d97b2e"]

# (y, x, radius, strength) of the eddies, in units of the picture's width.
_EDDIES = [
    (0.68, 0.27, 0.16, 0.42),
    (0.80, 0.75, 0.16, -0.44),
    (0.17, 0.20, 0.13, -0.27),
    (0.10, 0.83, 0.10, 0.17),
    (0.55, 0.92, 0.09, 0.17),
    (0.95, 0.10, 0.10, -0.18),
]
_SUN = (0.315, 0.60)


def paint_strokes(size: int, rng: np.random.Generator) -> Field:
    """A square picture (size, size, 3) in 0..1, painted at twice the size and then reduced."""
    full = 2 * size
    stream = _stream(full, rng)
    angle = _heading(stream)
    study = _study(stream, full, rng)
    detail = _detail(study, full)

    canvas = Canvas(0.55 * study, rng)
    for brush, spacing, jitter, patience in _brushes(full):
        seeds = _scattered(full, spacing, rng)
        worth = detail[seeds[:, 0].astype(np.intp), seeds[:, 1].astype(np.intp)]
        seeds = seeds[rng.random(len(seeds)) < patience + (1.0 - patience) * worth]
        _lay(canvas, study, angle, seeds, brush, jitter, rng)
    return halved(lit(canvas.colour, canvas.height, strength=0.55, gloss=0.55))


def _brushes(full: int) -> list[tuple[Brush, float, float, float]]:
    """Brushes from broad to fine: stroke spacing, colour jitter, share laid where all is calm."""
    unit = full / 1536
    return [
        (Brush(360 * unit, 90 * unit, 0.10, 2.4), 40 * unit, 0.10, 1.0),
        (Brush(260 * unit, 50 * unit, 0.40, 3.0), 32 * unit, 0.14, 0.9),
        (Brush(180 * unit, 30 * unit, 0.50, 3.0), 26 * unit, 0.16, 0.35),
        (Brush(110 * unit, 17 * unit, 0.55, 2.8), 22 * unit, 0.20, 0.10),
    ]


def _stream(full: int, rng: np.random.Generator) -> Field:
    """The stream function: a steady drift, bent by eddies and by a wandering current."""
    x, y = grid(full, full)
    stream = y + 0.05 * np.sin(5.0 * x + 2.0 * y) + 0.022 * fractal(full, full, full / 4, 2, rng)
    for row, column, radius, strength in _EDDIES:
        away = ((y - row) ** 2 + (x - column) ** 2) / radius**2
        stream += strength * np.exp(-away)
    return np.asarray(stream)


def _heading(stream: Field) -> Field:
    """The angle of the flow, which runs along the lines where the stream function is constant."""
    rise_y, rise_x = np.gradient(stream)
    return np.asarray(np.arctan2(-rise_x, rise_y))


def _winding(full: int) -> Field:
    """Once around an eddy adds one whole turn, which makes spirals of the bands of colour."""
    x, y = grid(full, full)
    turns = [
        np.sign(strength) * np.arctan2(y - row, x - column) for row, column, _, strength in _EDDIES
    ]
    return np.asarray(np.sum(turns, axis=0))


def _study(stream: Field, full: int, rng: np.random.Generator) -> Field:
    """The colour study that the strokes will follow: sky, sun and sea."""
    x, y = grid(full, full)
    haze = fractal(full, full, full / 6, 4, rng)
    horizon = 0.43 + 0.025 * np.sin(4.0 * x + 0.6) + 0.004 * haze

    winding = _winding(full)
    bands = 0.5 - 0.5 * np.cos(2 * np.pi * 8.0 * stream + winding + 0.8 * haze)
    depth = smoothstep(horizon, horizon + 0.6, y)
    sea = ramp(_SEA, bands**1.25 * (1.0 - 0.15 * depth) + 0.10 * haze)

    clouds = 0.5 - 0.5 * np.cos(2 * np.pi * 5.0 * stream + winding + 0.9 * haze)
    sky = ramp(_SKY, 0.10 + 0.52 * (y / horizon) ** 1.5 + 0.40 * (clouds - 0.4))

    distance = np.hypot(y - _SUN[0], x - _SUN[1])
    halo = distance + 0.012 * np.sin(2 * np.pi * distance / 0.05) + 0.004 * haze
    sky = lerp(sky, ramp(_GLOW, (halo - 0.035) / 0.20), 1.0 - smoothstep(0.12, 0.25, distance))
    spread = 0.05 + 0.22 * np.clip(y - horizon, 0.0, 1.0)
    path = np.exp(-(((x - _SUN[1]) / spread) ** 2)) * smoothstep(0.35, 0.65, bands)
    sea = lerp(sea, ramp(_GLOW, 0.3 + depth), 0.8 * path * (1.0 - depth))
    return lerp(sky, sea, smoothstep(-0.003, 0.003, y - horizon))


def _detail(study: Field, full: int) -> Field:
    """How much the study changes nearby, 0..1: where a painter takes a finer brush."""
    grey = gaussian_filter(study.mean(axis=2), full / 300)
    change = gaussian_filter(np.hypot(*np.gradient(grey)), full / 150)
    return np.asarray(np.clip(change / np.quantile(change, 0.92), 0.0, 1.0))


def _lay(
    canvas: Canvas,
    study: Field,
    angle: Field,
    seeds: Field,
    brush: Brush,
    jitter: float,
    rng: np.random.Generator,
) -> None:
    """Lay one brush's strokes through the seeds (N, 2), each a little off the flow."""
    row, column = seeds.astype(np.intp).T
    paths = follow(angle, seeds, brush.length, steps=24)
    first = jittered(study[row, column], jitter, rng)
    second = jittered(study[row, column], jitter, rng)
    for path, left, right in zip(paths, first, second, strict=True):
        canvas.stroke(path, brush, left, right)


def _scattered(full: int, spacing: float, rng: np.random.Generator) -> Field:
    """Points (N, 2), one at random in each cell of a grid, so that no place stays bare."""
    cells = int(full / spacing)
    corners = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).reshape(-1, 2)
    points = (corners + rng.random(corners.shape)) * (full / cells)
    return np.asarray(rng.permutation(points))
