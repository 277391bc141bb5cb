"""The page in a real browser, on the toy network: `make page` runs this."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from impasto.engine.images import encode_picture, read_picture
from impasto.export.network_file import encode_network

# A slow machine is no defect.
PATIENCE = 180_000
_SERVE = """
import pathlib, sys
from impasto.cli.serve import _serve
from impasto.service.settings import ServiceSettings

def main():
    folder, styles, model, *token = sys.argv[1:]
    _serve(ServiceSettings(
        folder=pathlib.Path(folder), styles=pathlib.Path(styles), model=model, memory=4 << 30,
        threads=1, port=0, every=0.0, free_bytes=0, token=token[0] if token else None,
    ))

if __name__ == "__main__":
    main()
"""


def _png(path, seed, shape=(48, 64)):
    rgb = np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)
    path.write_bytes(encode_picture(rgb, None, "PNG"))
    return path


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium")
    assert found, "Debian's chromium is needed: `make page` installs it"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def network_path(toy, tmp_path_factory):
    """With the names of layers that the defaults of the page ask for."""
    from impasto.export.networks import Architecture, Network

    architecture = Architecture("toy", blocks=(1, 1, 1, 2, 1), widths=(4, 4, 4, 4, 4))
    random = np.random.default_rng(0)
    weights = {}
    for one in architecture.convolutions():
        shape = (one.outputs, one.inputs, 3, 3)
        he = random.standard_normal(shape) * np.sqrt(2 / (9 * one.inputs))
        weights[f"{one.name}.weight"] = he.astype(np.float32)
        weights[f"{one.name}.bias"] = np.zeros(one.outputs, np.float32)
    path = tmp_path_factory.mktemp("network") / "toy.onnx"
    path.write_bytes(encode_network(Network(architecture, weights, toy.mean, toy.std)))
    return path


@pytest.fixture
def serve(tmp_path, network_path):
    """`serve(*token)`: starts a server, and tells its address."""
    processes = []
    styles = tmp_path / "styles"
    styles.mkdir()
    _png(styles / "waves.png", 5)
    script = tmp_path / "serve.py"
    script.write_text(_SERVE)

    def start(*token):
        told = [str(tmp_path / "data"), str(styles), str(network_path), *token]
        process = subprocess.Popen(
            [sys.executable, "-P", str(script), *told],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "IMPASTO_HOME": str(tmp_path / "home"), "OPENBLAS_NUM_THREADS": "1"},
        )
        processes.append(process)
        line = process.stderr.readline()
        assert line.startswith("serving at"), line
        return line.split()[2]

    yield start
    for process in processes:
        process.terminate()
        process.communicate()


@pytest.fixture
def address(serve):
    return serve()


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    wrong = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda asked: wrong.append(asked.url) if _is_outside(asked.url) else None)
    opened.goto(address)
    opened.get_by_label("waves").wait_for(state="attached")
    yield opened
    context.close()
    assert wrong == []


def _is_outside(url):
    return not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:", "data:"))


def _set_size(page, size):
    page.evaluate(
        "size => { const e = document.getElementById('size'); e.value = size;"
        " e.dispatchEvent(new Event('input')); }",
        size,
    )


def _begin(page, tmp_path, size=128):
    page.set_input_files("#photo", str(_png(tmp_path / "photo.png", 1)))
    _set_size(page, size)
    page.get_by_role("button", name="Paint it").click()


def _status(page, words):
    page.locator("#status", has_text=words).wait_for()


def test_photograph_becomes_a_picture_to_compare_and_download(page, tmp_path):
    _begin(page, tmp_path)
    page.locator("#compare").wait_for()
    _status(page, "Painted: 128 × 96")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "art.png")
    assert read_picture(tmp_path / "art.png").shape[:2] == (96, 128)
    divide = page.get_by_label("How much of the photograph")
    divide.focus()
    before = divide.input_value()
    page.keyboard.press("ArrowRight")
    assert divide.input_value() != before
    page.get_by_role("button", name="Show the picture of").wait_for()


def test_own_painting_takes_the_place_of_a_named_one(page, tmp_path):
    page.set_input_files("#style", str(_png(tmp_path / "own.png", 3)))
    assert not page.get_by_label("waves").is_checked()
    _begin(page, tmp_path)
    _status(page, "Painted")


def test_canvas_paints_itself_and_is_cancelled(page, tmp_path):
    _begin(page, tmp_path, 2048)
    page.locator("#canvas").wait_for()
    page.get_by_role("button", name="Cancel").click()
    _status(page, "Cancelled")
    assert page.locator("#empty").is_visible()


def test_reload_in_the_middle_goes_on_watching(page, tmp_path):
    _begin(page, tmp_path, 1024)
    page.locator("#canvas").wait_for()
    page.reload()
    page.locator("#canvas").wait_for()
    page.get_by_role("button", name="Cancel").click()
    _status(page, "Cancelled")


def test_bad_file_is_told_in_a_sentence_and_nothing_is_lost(page, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("this is no picture")
    page.set_input_files("#photo", str(bad))
    page.get_by_role("button", name="Paint it").click()
    problem = page.get_by_role("alert")
    problem.wait_for()
    assert "picture" in problem.inner_text()
    assert str(tmp_path) not in problem.inner_text()
    _begin(page, tmp_path)
    _status(page, "Painted")


def test_everything_is_reached_by_keyboard(page, tmp_path):
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    wanted = ["photo", "named", "style", "size", "weight", "scale", "strength", "color", "paint"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    page.set_input_files("#photo", str(_png(tmp_path / "photo.png", 1)))
    _set_size(page, 128)
    page.locator("#paint").focus()
    page.keyboard.press("Enter")
    _status(page, "Painted")


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('input, select, button, progress')]"
        ".filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map(e => e.id)"
    )
    assert nameless == []


def test_token_is_asked_for_until_it_is_right_and_known_to_this_tab_alone(browser, serve, tmp_path):
    token = "a token of twenty-four!!"
    address = serve(token)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(address)
    for told in ("something else altogether", token):
        dialog = opened.get_by_role("dialog", name="A token is needed")
        dialog.wait_for()
        dialog.get_by_label("Token of this server").fill(told)
        opened.keyboard.press("Enter")
    opened.get_by_label("waves").wait_for(state="attached")
    _begin(opened, tmp_path)
    _status(opened, "Painted")  # its pictures bear the token as well
    opened.reload()
    opened.get_by_label("waves").wait_for(state="attached")
    assert not opened.get_by_role("dialog").is_visible()
    other = context.new_page()
    other.goto(address)
    other.get_by_role("dialog", name="A token is needed").wait_for()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_shows_all_of_its_width(browser, address, scheme):
    context = browser.new_context(viewport={"width": 375, "height": 812}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(address)
    opened.get_by_label("waves").wait_for(state="attached")
    assert opened.evaluate("document.documentElement.scrollWidth") == 375
    context.close()
