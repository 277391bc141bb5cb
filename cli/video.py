"""The one module that knows PyAV: frames to an MP4 file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from ..engine.errors import OutputError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["write_mp4"]

# H.264 at a quality where strokes stay sharp; MPEG-4 for builds of FFmpeg that are without it.
_CODECS = {"libx264": {"crf": "18", "preset": "medium"}, "mpeg4": {"qscale": "3"}}


def write_mp4(
    stream: BinaryIO, frames: Iterable[np.ndarray], ticks: Iterable[int], tick: int
) -> None:
    """Write frames of one size, (H, W, 3) uint8, each shown for some ticks of milliseconds.

    A row or a column is left out where a side is odd: the usual decoders take even ones alone.

    Raises:
        OutputError: they cannot be encoded, as a picture of one pixel.
    """
    import av

    codec = next((name for name in _CODECS if name in av.codecs_available), None)
    try:
        if codec is None:
            raise ValueError("this PyAV has no encoder for it")
        with av.open(stream, "w", format="mp4", options={"movflags": "faststart"}) as container:
            track = container.add_stream(codec, rate=Fraction(1000, tick), options=_CODECS[codec])
            track.pix_fmt = "yuv420p"
            for frame, count in zip(frames, ticks, strict=True):
                height, width = (side - side % 2 for side in frame.shape[:2])
                if not track.codec_context.is_open:
                    track.height, track.width = height, width
                for _ in range(count):
                    picture = av.VideoFrame.from_ndarray(frame[:height, :width].copy(), "rgb24")
                    container.mux(track.encode(picture))
            container.mux(track.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise OutputError(f"the animation cannot be encoded as MP4: {error}") from error
