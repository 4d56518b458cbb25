"""``/problems``: a page for each code that an answer can have."""

import http
import io
import re
from typing import Any

import pytest

from clientflow_core import errors
from clientflow_host.openapi import STATUSES, problem_kinds
from tests.host.conftest import Answer, Host
from tests.host.pages.conftest import Browser

ANSWERED = sorted(error.code for error, status in STATUSES.items() if status != 500)


async def as_json(host: Host, path: str) -> Answer:
    return await host.bare("GET", path, headers={"Accept": "application/json"})


def plain(page: str) -> str:
    """Give what a page says, without marks."""
    text = re.sub(r"<[^>]*>", "", page).replace("&#39;", "'")
    return " ".join(text.split())


async def test_every_code_has_a_page_that_says_what_it_means_and_what_to_do(
    stranger: Browser,
) -> None:
    assert set(ANSWERED) < set(problem_kinds())
    for code, kind in problem_kinds().items():
        status, page = await stranger.open(f"/problems/{code}")
        assert status == 200
        assert f"<h1>{kind.title}</h1>" in page
        said = plain(page)
        for words in (code, str(kind.status), kind.meaning, kind.remedy):
            assert words.replace("`", "") in said, code


async def test_code_is_shown_as_code(stranger: Browser) -> None:
    _, page = await stranger.open("/problems/overloaded")
    assert "<code>Retry-After</code>" in page
    assert "`" not in page


async def test_list_leads_to_every_page(stranger: Browser) -> None:
    status, page = await stranger.open("/problems")
    assert status == 200
    assert set(re.findall(r'href="/problems/(\w+)"', page)) == set(problem_kinds())


async def test_code_that_nobody_knows_is_not_found_and_shows_those_that_there_are(
    stranger: Browser,
) -> None:
    for code in ("nonsense", "settings", "port_taken", "http", "ok", "%3Cb%3E", "x" * 300):
        status, page = await stranger.open(f"/problems/{code}")
        assert status == 404, code
        assert "<b>&lt;" not in page
        assert 'href="/problems/invalid_input"' in page


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*", ""])
async def test_everybody_who_does_not_ask_for_json_gets_the_page(
    stranger: Browser, accept: str
) -> None:
    _, page = await stranger.open("/problems/conflict", headers={"Accept": accept})
    assert page.startswith("<!doctype html>")


async def test_page_is_served_as_all_pages_are(host: Host) -> None:
    for path in ("/problems", "/problems/conflict", "/problems/nonsense"):
        answer = await host.bare("GET", path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Vary"] == "Accept"


async def test_program_gets_the_same_as_json(host: Host) -> None:
    for code, kind in problem_kinds().items():
        answer = await as_json(host, f"/problems/{code}")
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Vary"] == "Accept"
        assert answer.body == {
            "type": f"/problems/{code}",
            "code": code,
            "title": kind.title,
            "status": kind.status,
            "meaning": kind.meaning,
            "remedy": kind.remedy,
        }
    listed = (await as_json(host, "/problems")).body
    assert [one["code"] for one in listed["data"]] == list(problem_kinds())
    unknown = await as_json(host, "/problems/nonsense")
    assert (unknown.status, unknown.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/api/v1/contacts", {}),
        ("GET", "/api/v1/contacts?limit=0", {"is_known": True}),
        ("GET", "/api/v1/contacts/con_1", {"is_known": True}),
        ("GET", "/nowhere", {}),
        ("DELETE", "/health", {}),
        ("POST", "/webhooks/twilio", {"data": b"x"}),
        ("POST", "/api/v1/contacts", {"is_known": True, "data": b"x"}),
        ("POST", "/api/v1/contacts", {"is_known": True, "data": b"x" * 1_048_577}),
    ],
)
async def test_type_of_a_problem_leads_to_its_page(
    host: Host, method: str, path: str, more: dict[str, Any]
) -> None:
    is_known = more.get("is_known", False)
    data: bytes | None = more.get("data")
    headers = {} if data is None or len(data) < 2 else {"Content-Type": "application/json"}
    ask = host.call if is_known else host.bare
    body = None if data is None else io.BytesIO(data)
    answer = await ask(method, path, data=body, headers=headers)
    explained = (await as_json(host, answer.body["type"])).body
    assert explained["code"] == answer.code
    assert explained["status"] == answer.status
    assert explained["title"] == answer.body["title"]
    assert explained["code"] in problem_kinds()


async def test_status_without_words_of_ours_has_a_page_all_the_same(stranger: Browser) -> None:
    status, page = await stranger.open("/problems/gone")
    assert (status, http.HTTPStatus.GONE.phrase in page) == (200, True)


async def test_error_of_a_plugin_has_a_page(stranger: Browser) -> None:
    class TooFarAhead(errors.RejectedInput):
        """The provider plans no further ahead."""

        code = "too_far_ahead"
        remedy = "Take an earlier day."

    status, page = await stranger.open(f"/problems/{TooFarAhead.code}")
    assert (status, "Take an earlier day." in page) == (200, True)
