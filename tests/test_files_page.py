"""docs/files.md: what its table says of each format is what comes out of a file of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.engine.containers import FORMATS, SUFFIXES
from impasto.engine.embedding import embedded_text
from impasto.engine.encode import check_encoding, output_format
from impasto.engine.errors import OptionsError
from impasto.engine.images import read_picture, write_picture
from impasto.engine.srgb import SRGB_PROFILE

TEXT = (Path(__file__).parents[1] / "docs" / "files.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|")
][2:]


def has(say):
    try:
        say()
    except OptionsError:
        return False
    return True


def test_every_format_and_suffix_is_there():
    assert sorted(row[0].upper() for row in ROWS) == sorted(FORMATS)
    assert set(re.findall(r"`(\.\w+)`", " ".join(row[1] for row in ROWS))) == set(SUFFIXES)
    assert f"{len(SRGB_PROFILE)} bytes" in TEXT


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_result_has_what_the_table_says(row, tmp_path):
    format, suffixes, read, written, *rest = row
    assert read == "yes"
    for suffix in re.findall(r"\.\w+", suffixes):
        path = tmp_path / f"x{suffix}"
        assert has(lambda path=path: output_format(path)) == (written == "yes")
        if written == "no":
            assert rest == [""] * 5
            continue
        alpha = np.full((8, 8), 0.5, np.float32)
        write_picture(path, np.zeros((8, 8, 3)), alpha, metadata={"a": 12345})
        with Image.open(path) as image, path.open("rb") as stream:
            found = {
                "alpha": read_picture(path).alpha is not None,
                "16 bits": has(lambda: check_encoding(format.upper(), depth=16)),
                "profile": image.info.get("icc_profile") == SRGB_PROFILE,
                "record": embedded_text(stream) is not None,
                "quality": has(lambda: check_encoding(format.upper(), 50)),
            }
        assert ["yes" if one else "no" for one in found.values()] == rest
