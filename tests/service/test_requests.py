"""Requests that are refused, in this process: rows H01, H03, H05, H07 to H12, H16."""

import json
import shutil
import time

import numpy as np
import pytest

from impasto.engine.images import encode_picture, read_picture
from impasto.engine.limits import Limits

from ..faults.rows import row
from .conftest import QUICK


def refused(answer, status, *words):
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"error", "message"}
    text = json.dumps(told)
    for secret in ("Traceback", "/tmp", "starlette", "File ", ".py", "site-packages"):
        assert secret not in text
    for word in words:
        assert word in told["message"]


def test_job_goes_from_submission_to_picture(serving):
    with serving() as client:
        answer = client.submit()
        assert answer.status_code == 202
        id = answer.json()["id"]
        job = client.wait(id, "done", "failed")
        assert (job["state"], job["width"], job["height"]) == ("done", 32, 24)
        assert client.http.get(f"/api/jobs/{id}/result").content.startswith(b"\x89PNG")
        assert client.http.get(f"/api/jobs/{id}/before").content.startswith(b"\xff\xd8")
        with client.http.stream("GET", f"/api/jobs/{id}/events") as stream:
            assert "event: state" in "".join(stream.iter_text())
        assert b'impasto_jobs_total{state="done"} 1.0' in client.http.get("/metrics").content
        assert client.http.delete(f"/api/jobs/{id}").status_code == 200
        refused(client.http.get(f"/api/jobs/{id}"), 404)
        assert not client.jobs.folder_of(id).exists()


@pytest.mark.parametrize("options", [{"size": [24, 24]}, {"border": "wrap"}])
def test_photograph_is_cut_as_the_result_is(serving, options):
    """Without iterations the result is what was begun with: one lies on the other."""
    photograph = np.zeros((24, 50, 3), np.float32)
    photograph[:, :13] = photograph[:, -13:] = 1
    files = {"content": ("x", encode_picture(photograph, None, "PNG"))}
    told = {**QUICK, "iterations": 0, **options}
    with serving() as client:
        answer = client.submit(told, files=files, data={"style_name": "waves"})
        id = answer.json()["id"]
        assert client.wait(id, "done", "failed")["state"] == "done"
        before, result = (
            read_picture(client.http.get(f"/api/jobs/{id}/{name}").content).samples / 255
            for name in ("before", "result")
        )
    assert before.shape == result.shape
    assert np.abs(before - result).mean() < 0.02


def test_named_style_paints_and_has_a_thumbnail(serving, png):
    with serving() as client:
        assert client.http.get("/api/styles").json() == ["waves"]
        shown = client.http.get("/api/styles/waves/thumbnail")
        assert shown.content.startswith(b"\xff\xd8")
        files = {"content": ("x", png(1))}
        answer = client.submit(files=files, data={"style_name": "waves"})
        assert client.wait(answer.json()["id"], "done", "failed")["state"] == "done"


def test_running_job_is_cancelled_within_its_evaluation(serving):
    from .conftest import LONG

    with serving() as client:
        id = client.submit(LONG).json()["id"]
        client.wait(id, "running")
        client.http.delete(f"/api/jobs/{id}")
        assert client.wait(id, "cancelled", "failed", "done")["state"] == "cancelled"
        assert client.jobs.planned_bytes == 0
        refused(client.http.get(f"/api/jobs/{id}/result"), 409)


def test_pages_are_complete_and_need_nothing_from_elsewhere(serving):
    from impasto.service.static import PAGES

    with serving(paused=True) as client:
        for path in PAGES:
            answer = client.http.get(path)
            assert answer.status_code == 200
            text = answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text and "https://" not in text
            assert "script-src 'self';" in answer.headers["content-security-policy"]
        described = client.http.get("/openapi.json").json()
        assert "/api/jobs" in described["paths"]


@row("H01")
def test_only_this_machine_and_its_own_pages_are_served(settings, serving):
    assert settings().host == "127.0.0.1"
    with serving(paused=True) as client:
        answer = client.http.get("/api/jobs", headers={"origin": "https://example.org"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        answer = client.http.options(
            "/api/jobs",
            headers={"origin": "https://example.org", "access-control-request-method": "POST"},
        )
        assert not [name for name in answer.headers if name.startswith("access-control")]


@row("H16")
@pytest.mark.parametrize(
    ("told", "is_taken"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1"}, True),
        ({"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}, True),
        # A proxy has told another name, that is ours; what the browser saw is the public one.
        ({"origin": "https://paint.example", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://127.0.0.1:8001"}, False),
        ({"origin": "http://127.0.0.1.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://127.0.0.1", "sec-fetch-site": "Cross-Site"}, False),
    ],
)
def test_pages_of_other_sites_change_nothing(serving, told, is_taken):
    with serving(paused=True) as client:
        answer = client.submit(headers=told)
        kept = client.http.get("/api/jobs", headers=told).json()
        if is_taken:
            assert (answer.status_code, len(kept)) == (202, 1)
        else:
            refused(answer, 403)
            assert kept == []
        id = client.submit().json()["id"]
        assert (client.http.delete(f"/api/jobs/{id}", headers=told).status_code == 200) == is_taken


def test_page_of_a_public_name_asks_its_own_server(serving):
    """Bound to all addresses a server has names that it does not know: `Host` says which."""
    with serving(paused=True, host="0.0.0.0") as client:
        host = {"host": "paint.example:8443"}
        own = {**host, "origin": "https://paint.example:8443"}
        assert client.submit(headers=own).status_code == 202
        refused(client.submit(headers={**host, "origin": "https://paint.example"}), 403)


@row("H03")
def test_thousands_of_parts_and_huge_fields_are_refused(serving, png):
    with serving(paused=True) as client:
        many = [(f"content{i}", ("x", b"1")) for i in range(2000)]
        refused(client.http.post("/api/jobs", files=many), 400)
        huge = {"options": "x" * 200_000}
        refused(client.http.post("/api/jobs", files={"content": png()}, data=huge), 400)
        head = {"content-type": "multipart/form-data; boundary=b"}
        preamble = b"x" * 300_000 + b"\r\n--b--\r\n"
        refused(client.http.post("/api/jobs", content=preamble, headers=head), 400)
        assert client.http.get("/healthz").status_code == 200
        assert list((client.jobs.folder / "jobs").iterdir()) == []


@row("H05")
def test_more_jobs_than_may_wait_are_told_when_to_come_again(serving):
    with serving(paused=True, queue=2) as client:
        answers = [client.submit() for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
        refused(answers[-1], 429)
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert len(client.http.get("/api/jobs").json()) == 2


@row("H07")
@pytest.mark.parametrize("field", ["url", "content", "style", "style_name"])
def test_no_input_is_an_address(serving, png, field):
    addresses = ["http://169.254.169.254/", "http://[::]/", "http://2130706433/", "file:///etc/x"]
    with serving(paused=True) as client:
        for address in addresses:
            files = {"content": ("x", png())}
            if field == "content":
                files = {"style": ("x", png())}
            refused(client.submit(files=files, data={field: address}), 400)


@row("H07")
def test_names_that_were_pointed_at_this_machine_are_refused(serving):
    with serving(paused=True) as client:
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""):
            refused(client.http.get("/api/jobs", headers={"host": host}), 400)
        for host in ("127.0.0.1:8000", "localhost", "[::1]:80"):
            assert client.http.get("/api/jobs", headers={"host": host}).status_code == 200


@row("H08")
def test_paths_are_no_names(serving, png):
    with serving(paused=True) as client:
        texts = set()
        for name in ("../secret", "../secret.png", "/etc/passwd", "a\0b", "%2e%2e/x", "nothing"):
            answer = client.submit(files={"content": ("x", png())}, data={"style_name": name})
            refused(answer, 400)
            texts.add(answer.text)
            assert client.http.get(f"/api/jobs/{name.replace(chr(0), '%00')}").status_code == 404
        assert len(texts) == 1
        for start in ("/etc/passwd", "../secret.png"):
            for options in ({"init": start}, {"keep": start}, {"masks": [start]}):
                refused(client.submit(options), 400)


@row("H09")
def test_names_of_uploads_are_never_used(serving, tmp_path, png):
    with serving(paused=True) as client:
        for name in ("../../a", "/etc/a", "content.html", "n" * 3000):
            files = {"content": (name, png(1)), "style": (name, png(2))}
            id = client.submit(files=files).json()["id"]
            found = sorted(path.name for path in client.jobs.folder_of(id).iterdir())
            assert found == ["content", "style-0"]
        endless = {"content": ("n" * 1_000_000, png(1)), "style": ("y", png(2))}
        refused(client.submit(files=endless), 400)
        assert not (tmp_path / "a").exists()


@row("H10")
def test_a_request_lowers_limits_and_never_raises_them(serving):
    with serving(paused=True, time=60, limits=Limits(output_side=64)) as client:
        for options in ({"limits": {}}, {"threads": 9}, {"model": "x"}, {"size": 65}, [], None):
            told = {"options": json.dumps(options)}
            refused(client.submit(data=told), 400)
        for data in ({"time": "61"}, {"memory": str(1 << 40)}, {"time": "nan"}, {"memory": "x"}):
            refused(client.submit(data=data), 400)
        job = client.submit(data={"time": "5"}).json()
        assert job["time"] == 5


@row("H10")
def test_the_option_that_is_not_known_is_named(serving):
    with serving(paused=True) as client:
        answer = client.submit(data={"options": json.dumps({"size": 64, "foo": 1})})
        refused(answer, 400, "options must not have 'foo', but balance_gradients, border, ")


@row("H11")
def test_errors_are_a_type_and_a_sentence(serving, png, monkeypatch):
    with serving(paused=True) as client:
        text = {"content": ("x", b"no picture"), "style": ("y", png())}
        refused(client.submit(files=text), 415, "content picture")
        cut = {"content": ("x", png()[:30]), "style": ("y", png())}
        assert client.submit(files=cut).status_code in (415, 422)
        refused(client.http.get("/nothing"), 404)
        refused(client.http.put("/api/jobs"), 405)
        refused(client.http.post("/api/jobs", content=b"x"), 400)
        monkeypatch.setattr(client.jobs.store, "latest", lambda count: 1 / 0)
        refused(client.http.get("/api/jobs"), 500)
        assert list((client.jobs.folder / "jobs").iterdir()) == []


@row("H12")
def test_plans_of_running_jobs_never_sum_up_to_more_than_the_budget(serving):
    from .conftest import LONG

    with serving(paused=True) as client:
        bytes = client.submit(LONG).json()["planned_bytes"]
        refused(client.submit(data={"memory": "1000000"}), 503, "memory")
    with serving(workers=2, memory=bytes * 3 // 2) as client:
        ids = [job["id"] for job in client.http.get("/api/jobs").json()]
        ids.append(client.submit(LONG).json()["id"])
        client.wait(ids[0], "running")
        assert client.http.get(f"/api/jobs/{ids[1]}").json()["state"] == "queued"
        assert client.jobs.planned_bytes == bytes
        client.http.delete(f"/api/jobs/{ids[0]}")
        client.wait(ids[1], "running")
        assert client.jobs.planned_bytes <= bytes * 3 // 2


def test_without_its_token_nothing_is_told(serving):
    with serving(paused=True, token="a token of some length") as client:
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic a"}):
            for path in ("/api/jobs", "/api/styles", "/metrics"):
                refused(client.http.get(path, headers=given), 401)
        right = {"authorization": "Bearer a token of some length"}
        assert client.http.get("/api/jobs", headers=right).status_code == 200
        assert client.http.get("/").status_code == 200


def test_full_disk_is_told_before_a_job_is_accepted(serving, tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with serving(paused=True, free_bytes=free * 2) as client:
        refused(client.submit(), 507)


def test_jobs_that_have_ended_are_kept_within_bounds(serving):
    with serving(keep_jobs=2) as client:
        ids = [client.submit().json()["id"] for _ in range(4)]
        client.wait(ids[-1], "done", "failed")
        while len(kept := client.http.get("/api/jobs").json()) > 2:  # it is swept after the end
            time.sleep(0.05)
        assert [job["id"] for job in kept] == ids[:1:-1]
    folders = {path.name for path in (client.jobs.folder / "jobs").iterdir()}
    assert folders == set(ids[2:])
