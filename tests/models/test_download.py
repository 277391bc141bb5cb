import hashlib
import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.errors import ModelError, ModelNotFound, OutputError, UntrustedModel
from impasto.models import catalogue, fetch, store
from impasto.models.download import pull


def part_of(home, entry):
    return home / "downloads" / f"{entry.file}.part"


def files_in(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def stop_half_way(server, checkpoint):
    """A first attempt that got half of the file."""
    server.cut_after = len(checkpoint) // 2
    with pytest.raises(ModelError, match="kept for the next attempt"):
        pull("toy", base_url=server.url)
    server.cut_after = None
    return len(checkpoint) // 2


def test_pulled_network_has_the_weights_and_words_of_its_source(
    home, entry, server, checkpoint, toy
):
    path = pull("toy", base_url=server.url)
    network = store.load("toy")
    assert path == home / "models" / "toy.onnx"
    assert network.fingerprint == toy.fingerprint
    assert (network.origin, network.licence) == ("the toy's maker", "CC0")
    assert network.source_sha256 == hashlib.sha256(checkpoint).hexdigest()
    assert (network.mean, network.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_pull_records_whole_hashes_and_leaves_no_checkpoint(home, entry, server, checkpoint):
    path = pull("toy", base_url=server.url + "/")
    assert files_in(home) == ["toy-01234567.pth.lock", "toy.json", "toy.onnx"]
    assert json.loads((home / "models" / "toy.json").read_bytes()) == {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "source_sha256": hashlib.sha256(checkpoint).hexdigest(),
        "url": f"{server.url}/toy-01234567.pth",
    }


def test_progress_grows_to_the_whole(entry, server, checkpoint, monkeypatch):
    monkeypatch.setattr(fetch, "_CHUNK", 1000)
    seen = []
    pull("toy", lambda done, total: seen.append((done, total)), server.url)
    assert seen[0] == (0, len(checkpoint))
    assert seen[-1] == (len(checkpoint), len(checkpoint))
    assert seen == sorted(seen)
    assert len(seen) > 5


def test_exception_of_progress_stops_the_download_and_keeps_the_part(
    home, entry, server, checkpoint, monkeypatch
):
    monkeypatch.setattr(fetch, "_CHUNK", 1000)

    def progress(done, total):
        if done >= 2000:
            raise BrokenPipeError("the reader has gone")

    with pytest.raises(BrokenPipeError, match="the reader has gone"):
        pull("toy", progress, server.url)
    assert part_of(home, entry).stat().st_size == 2000
    pull("toy", base_url=server.url)
    assert server.requests[1] == ("bytes=2000-", '"one"')


def test_sound_network_is_not_downloaded_again(entry, server):
    first = pull("toy", base_url=server.url)
    stamp = first.stat().st_mtime_ns
    assert pull("toy", base_url=server.url) == first
    assert len(server.requests) == 1
    assert first.stat().st_mtime_ns == stamp


def test_damaged_network_is_pulled_anew(entry, server):
    path = pull("toy", base_url=server.url)
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(UntrustedModel, match="`impasto models pull toy` makes it anew"):
        store.load("toy")
    pull("toy", base_url=server.url)
    assert path.read_bytes() == sound


def test_cut_download_goes_on_where_it_ended(home, entry, server, checkpoint, toy):
    half = stop_half_way(server, checkpoint)
    assert part_of(home, entry).stat().st_size == half
    assert not (home / "models" / "toy.onnx").exists()
    seen = []
    pull("toy", lambda done, total: seen.append((done, total)), server.url)
    assert server.requests == [(None, None), (f"bytes={half}-", '"one"')]
    assert seen[0] == (half, len(checkpoint))
    assert store.load("toy").fingerprint == toy.fingerprint


def test_server_that_ignores_ranges_sends_all_again(entry, server, checkpoint, toy):
    stop_half_way(server, checkpoint)
    server.ranges = False
    pull("toy", base_url=server.url)
    assert store.load("toy").fingerprint == toy.fingerprint


def test_file_that_changed_meanwhile_is_begun_again(entry, server, checkpoint, toy):
    server.content = bytes(len(checkpoint))
    stop_half_way(server, checkpoint)
    server.content, server.etag = checkpoint, '"two"'
    pull("toy", base_url=server.url)
    assert server.requests[1][1] == '"one"'
    assert store.load("toy").fingerprint == toy.fingerprint


def test_part_without_a_validator_is_begun_again(entry, server, checkpoint):
    server.etag = ""
    stop_half_way(server, checkpoint)
    pull("toy", base_url=server.url)
    assert server.requests == [(None, None), (None, None)]


def test_part_of_another_mirror_is_begun_again(entry, server, checkpoint):
    stop_half_way(server, checkpoint)
    pull("toy", base_url=f"{server.url}/mirror")
    assert server.requests[1] == (None, None)


def test_range_that_cannot_be_satisfied_is_begun_again(home, entry, server, checkpoint, toy):
    stop_half_way(server, checkpoint)
    with part_of(home, entry).open("ab") as stream:
        stream.write(bytes(len(checkpoint)))
    pull("toy", base_url=server.url)
    assert [wanted for wanted, _ in server.requests][2:] == [None]
    assert store.load("toy").fingerprint == toy.fingerprint


def test_answer_that_goes_on_elsewhere_is_begun_again(entry, server, checkpoint, toy):
    half = stop_half_way(server, checkpoint)
    server.shift = 1
    pull("toy", base_url=server.url)
    assert [wanted for wanted, _ in server.requests] == [None, f"bytes={half}-", None]
    assert store.load("toy").fingerprint == toy.fingerprint


def test_complete_part_needs_no_server(home, entry, server, toy, monkeypatch):
    """As after a process that was killed while it converted."""

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("impasto.models.download.encode_network", killed)
        with pytest.raises(KeyboardInterrupt):
            pull("toy", base_url=server.url)
    assert files_in(home) == [
        "toy-01234567.pth.lock",
        "toy-01234567.pth.part",
        "toy-01234567.pth.part.json",
    ]
    pull("toy", base_url=server.url)
    assert len(server.requests) == 1
    assert store.load("toy").fingerprint == toy.fingerprint


def test_wrong_hash_is_refused_and_removed(home, entry, server, checkpoint):
    server.content = checkpoint[:-1] + bytes([checkpoint[-1] ^ 1])
    with pytest.raises(UntrustedModel, match=f"is not {entry.file}.*not {entry.sha256}.*removed"):
        pull("toy", base_url=server.url)
    assert files_in(home) == ["toy-01234567.pth.lock"]


def test_web_page_in_place_of_the_file_is_refused(home, entry, server):
    server.content = b"<html>Please log in</html>"
    server.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(ModelError, match="gives a web page in its place"):
        pull("toy", base_url=server.url)
    assert files_in(home) == ["toy-01234567.pth.lock"]


@pytest.mark.parametrize("status", [204, 206, 403, 404, 500, 503])
def test_refusal_of_the_server_is_one_sentence(entry, server, status):
    server.status = status
    with pytest.raises(ModelError, match=f"the server answers {status}") as caught:
        pull("toy", base_url=server.url)
    assert "\n" not in str(caught.value)


def test_closed_port_is_one_sentence(entry, server):
    server.close()
    with pytest.raises(ModelError, match=r"cannot download http://127.*refused"):
        pull("toy", base_url=server.url)


def test_name_that_does_not_resolve_is_one_sentence(entry):
    with pytest.raises(ModelError, match=r"cannot download https://invalid\.invalid/toy"):
        pull("toy")


def test_silent_server_is_given_up(home, entry, server, monkeypatch):
    monkeypatch.setattr(fetch, "_TIMEOUT_SECONDS", 0.2)
    server.stall_after = 100
    with pytest.raises(ModelError, match=r"no answer within .* kept for the next attempt"):
        pull("toy", base_url=server.url)
    assert part_of(home, entry).stat().st_size == 100


def test_redirect_to_http_is_refused(home, entry, server):
    server.location = f"{server.url}/elsewhere"
    with pytest.raises(ModelError, match="which is not https"):
        pull("toy", base_url=server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://example.org/models", "file:///etc", "ftp://localhost/", "models", "http://[", ""],
)
def test_only_https_is_asked(entry, url, monkeypatch):
    monkeypatch.setattr(catalogue, "DOWNLOADABLE", (replace(entry, folder=url),))
    with pytest.raises(ModelError, match=r"not an https address|no address"):
        pull("toy")


@pytest.mark.parametrize("announced", [True, False])
def test_download_beyond_the_limit_is_refused(home, entry, server, monkeypatch, announced):
    monkeypatch.setattr(fetch, "_MAX_BYTES", 1000)
    server.announces_length = announced
    with pytest.raises(ModelError, match=r"more than 1000|more bytes than announced"):
        pull("toy", base_url=server.url)
    part = part_of(home, entry)
    assert not part.exists() or part.stat().st_size <= 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_an_output_error(home, entry, server):
    part = part_of(home, entry)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"cannot write .*No space left"):
        pull("toy", base_url=server.url)


def test_folder_that_cannot_be_created_is_an_output_error(home, entry):
    home.write_text("a file in its place")
    with pytest.raises(OutputError, match="cannot create the folder"):
        pull("toy")


def test_killed_process_leaves_nothing_at_the_final_path(home, entry, server, checkpoint, toy):
    server.stall_after = 2000
    code = (
        "import sys; from impasto.models import catalogue, download;"
        "from impasto.export.networks import Architecture;"
        "entry = catalogue.Downloadable('toy', Architecture('toy', (2, 2, 1, 1), (4, 6, 8, 8)),"
        f" 'o', 'l', {entry.file!r}, 1, {entry.sha256!r});"
        "catalogue.DOWNLOADABLE = (entry,);"
        "download.pull('toy', lambda done, total: print(done, flush=True), sys.argv[1])"
    )
    command = [sys.executable, "-P", "-c", code, server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        server.stalled.wait()
        assert process.stdout.readline() == "0\n"
        process.send_signal(signal.SIGKILL)
    assert not (home / "models" / "toy.onnx").exists()
    assert store.available()[-1].state == "absent"
    server.stall_after = None
    pull("toy", base_url=server.url)  # the lock died with its holder
    assert store.load("toy").fingerprint == toy.fingerprint


def test_two_pulls_at_once_download_once(entry, server, toy):
    begun, both = threading.Event(), threading.Event()
    paths = []

    def hold(done, total):
        begun.set()
        both.wait()

    first = threading.Thread(target=lambda: paths.append(pull("toy", hold, server.url)))
    second = threading.Thread(target=lambda: paths.append(pull("toy", base_url=server.url)))
    first.start()
    begun.wait()
    second.start()
    both.set()
    first.join()
    second.join()
    assert len(paths) == 2
    assert paths[0] == paths[1]
    assert len(server.requests) == 1
    assert store.load("toy").fingerprint == toy.fingerprint


def test_what_cannot_be_pulled_is_named(home, entry):
    with pytest.raises(ModelNotFound, match="'resnet' to pull; one can pull toy"):
        pull("resnet")
    with pytest.raises(ModelNotFound, match="vgg16 is part of Impasto and need not be pulled"):
        pull("vgg16")
    assert not home.exists()


def test_pulled_weights_are_stored_in_full(entry, server, toy):
    pull("toy", base_url=server.url)
    for name, weight in store.load("toy").weights.items():
        assert np.array_equal(weight, toy.weights[name])
