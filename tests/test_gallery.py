"""tools/make_gallery.py: each control has a cell, and docs/gallery.md the sheet."""

import runpy
import shlex
from dataclasses import fields
from pathlib import Path

from impasto.engine.images import read_picture
from impasto.engine.options import Options

ROOT = Path(__file__).parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "make_gallery.py"))
CELLS = [
    [word for word in shlex.split(control) if word != TOOL["SECOND"]]
    for controls in TOOL["CONTROLS"].values()
    for control in controls
]
# How far and how well it is painted, which all cells have alike, or what only Python would tell.
OF_ALL = {"size", "iterations", "levels", "coarsest", "level_factor", "step", "init_noise"}
# A formula has weights of its own: docs/presets.md.
OF_ALL |= {"objective", "style_size"}


def test_every_control_has_a_cell():
    made = [TOOL["options_for"](cell, {}) for cell in CELLS]
    shown = {
        field.name
        for field in fields(Options)
        if any(getattr(one, field.name) != getattr(Options(), field.name) for one in made)
    }
    assert shown == {field.name for field in fields(Options)} - OF_ALL


def test_masks_stand_in_cells_by_name_and_are_found(tmp_path):
    masks = TOOL["masks_in"](tmp_path, (30, 40), (20, 20))
    options = TOOL["options_for"](["--mask", "left.png:top.png", "--keep", "right.png"], masks)
    assert options.mask_paths == [masks[name] for name in ("left.png", "top.png", "right.png")]
    left, right, top = (read_picture(path).rgb for path in masks.values())
    assert (left.shape, right.shape, top.shape) == ((30, 40, 3), (30, 40, 3), (20, 20, 3))
    assert left[:, 0].min() > left[:, -1].max()
    assert right[:, 0].max() < right[:, -1].min()
    assert top[0].min() > top[-1].max()


def test_the_page_has_the_sheet_and_names_every_row():
    text = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    assert read_picture(ROOT / "docs" / "images" / "gallery.jpg").shape[0] > 100
    assert "](images/gallery.jpg)" in text
    for title in TOOL["CONTROLS"]:
        assert f"**{title}" in text
