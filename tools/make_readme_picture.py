"""Make the README's picture anew from what `make art` has painted: photograph, painting, result.

make art && python tools/make_readme_picture.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
_GAP = 8
_WHITE = (255, 255, 255)


def main() -> None:
    """Photograph and painting in a column of half the result's width, the result beside them."""
    photograph, painting, result = (
        Image.open(ROOT / path).convert("RGB")
        for path in ("examples/photo_cat.jpg", "examples/style_strokes.jpg", "art.png")
    )
    side = result.width // 2
    photograph.thumbnail((side, side), Image.Resampling.LANCZOS)
    left = result.height - photograph.height - _GAP
    painting.thumbnail((left, left), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (side + _GAP + result.width, result.height), _WHITE)
    sheet.paste(photograph, (0, 0))
    sheet.paste(painting, ((side - painting.width) // 2, photograph.height + _GAP))
    sheet.paste(result, (side + _GAP, 0))
    sheet.save(ROOT / "docs" / "images" / "cat_strokes.jpg", quality=92)


if __name__ == "__main__":
    main()
