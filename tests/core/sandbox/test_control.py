import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import ControlBody
from tests.core.sandbox.conftest import CLIENT, OURS, Control, Host, ToySandbox

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


async def problem_of(answer: aiohttp.ClientResponse) -> Any:
    assert answer.status == 422, await answer.text()
    assert answer.content_type == "application/problem+json"
    problem = await answer.json()
    assert set(problem) == {"title", "status", "detail", "errors"}
    assert problem["status"] == 422
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"call": 1}, ""),
        ([], ""),
        ("calls", ""),
        (None, ""),
        ({"calls": 1, "anwser": "500"}, "/anwser"),
        ({"calls": "1"}, "/calls"),
        ({"calls": 1.0}, "/calls"),
        ({"calls": True}, "/calls"),
        ({"calls": None}, "/calls"),
        ({"calls": -1}, "/calls"),
        ({"calls": 1_000_001}, "/calls"),
        ({"calls": 1, "answer": "418"}, "/answer"),
        ({"calls": 1, "answer": 500}, "/answer"),
        ({"calls": 1, "answer": ""}, "/answer"),
        ({"calls": 1, "delay_seconds": -0.1}, "/delay_seconds"),
        ({"calls": 1, "delay_seconds": 3601}, "/delay_seconds"),
        ({"calls": 1, "delay_seconds": "1"}, "/delay_seconds"),
        ({"calls": 1, "delay_seconds": float("nan")}, "/delay_seconds"),
        ({"calls": 1, "retry_after_seconds": -1}, "/retry_after_seconds"),
        ({"webhooks": []}, "/webhooks"),
        ({"webhooks": None}, "/webhooks"),
        ({"webhooks": {"times": 0}}, "/webhooks/times"),
        ({"webhooks": {"times": 101}}, "/webhooks/times"),
        ({"webhooks": {"shuffled": "yes"}}, "/webhooks/shuffled"),
        ({"webhooks": {"shuffled": 1}}, "/webhooks/shuffled"),
        ({"webhooks": {"delay": 1}}, "/webhooks/delay"),
        ({"webhooks": {"drop": -1}}, "/webhooks/drop"),
        ({"webhooks": {}, "answer": "500"}, "/answer"),
        ({"webhooks": {}, "calls": 1, "webhook": {}}, "/webhook"),
    ],
)
async def test_switch_that_is_not_understood_is_refused_and_changes_nothing(
    control: Control, box: ToySandbox, body: object, pointer: str
) -> None:
    await control.post("faults", calls=3, answer="503", webhooks={"drop": 2})
    before = box.faults.state()
    url = f"{control.base_url}/_control/faults"
    headers = {"Content-Type": "application/json"}
    async with control.http.post(url, data=json.dumps(body), headers=headers) as answer:
        problem = await problem_of(answer)
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert error["detail"]
    assert box.faults.state() == before


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "application/json; charset=klingon"),
        (b"1" * 9000, "application/json"),
        (b"[" * 200_000, "application/json"),
        (b'{"body": "x"}', "text/plain"),
        (b"body=x", "multipart/form-data"),
        (b"body=x", "application/x-www-form-urlencoded"),
        (b'{"body": "\\ud83d"}', "application/json"),
        (b'{"body": 1}', "application/json"),
    ],
)
async def test_body_that_cannot_be_read_is_a_problem_and_sends_nothing(
    control: Control, host: Host, data: bytes, content_type: str
) -> None:
    url = f"{control.base_url}/_control/inbound"
    headers = {"Content-Type": content_type}
    async with control.http.post(url, data=data, headers=headers) as answer:
        await problem_of(answer)
    assert not host.words


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{ours}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "{ours}.evil.example"},
    {"Origin": ""},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "{ours}"},
    # As it looks behind a proxy that gives another Host.
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://sandbox.example"},
]


def _headers(control: Control, template: dict[str, str]) -> dict[str, str]:
    ours = control.base_url.removesuffix("/toy")
    return {name: value.format(ours=ours) for name, value in template.items()}


@pytest.mark.parametrize("path", ["inbound", "faults", "reset"])
@pytest.mark.parametrize("template", FOREIGN)
async def test_what_another_site_asks_the_browser_for_is_refused(
    control: Control, box: ToySandbox, host: Host, path: str, template: dict[str, str]
) -> None:
    box.words.append("kept")
    headers = _headers(control, template)
    url = f"{control.base_url}/_control/{path}"
    for sent in ({"json": {"body": "hi", "calls": 1}}, {"data": {"body": "hi"}}, {}):
        async with control.http.post(url, headers=headers, **sent) as answer:
            assert "another site" in (await problem_of(answer))["detail"]
    assert not host.words
    assert box.words == ["kept"]
    assert box.faults.call is None


@pytest.mark.parametrize("template", OWN)
async def test_what_our_own_page_asks_for_is_done(
    control: Control, host: Host, template: dict[str, str]
) -> None:
    url = f"{control.base_url}/_control/inbound"
    headers = _headers(control, template)
    async with control.http.post(url, json={"body": "hi"}, headers=headers) as answer:
        assert answer.status == 200
    assert host.words == ["hi"]


async def test_other_sites_may_not_read_the_state(control: Control) -> None:
    headers = {"Origin": "https://evil.example"}
    async with control.http.get(f"{control.base_url}/_control/state", headers=headers) as answer:
        assert answer.status == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_state_tells_calls_deliveries_and_switches(control: Control, host: Host) -> None:
    async with control.http.post(f"{control.base_url}/words", data="one") as answer:
        assert answer.status == 201
    await control.post("inbound", body="hi")
    state = await control.state()
    assert state["words"] == ["one"]
    assert state["calls"] == 1
    (delivery,) = state["deliveries"]
    assert delivery["url"] == f"{host.url}/hook"
    assert (delivery["label"], delivery["status"], delivery["error"]) == ("hi", 200, None)
    assert delivery["at"].endswith("+00:00")
    assert delivery["seconds"] >= 0
    assert state["faults"]["calls"] is None
    assert state["faults"]["webhooks"] == {
        "times": 1,
        "shuffled": False,
        "delay_seconds": 0.0,
        "drop": 0,
    }


async def test_state_never_holds_a_credential(control: Control, box: ToySandbox) -> None:
    await control.post("inbound", body="hi", **{"from": CLIENT, "to": OURS})
    text = json.dumps(await control.state())
    assert "hi" in text
    for value in box.credentials.values():
        assert value not in text


READERS: list[tuple[Callable[[ControlBody], Any], Callable[[Any], bool]]] = [
    (lambda body: body.text("x"), lambda got: bool(got.strip()) and bool(got.encode())),
    (lambda body: body.whole("x", minimum=1, maximum=9), lambda got: 1 <= got <= 9),
    (lambda body: body.seconds("x"), lambda got: 0 <= got <= 3600),
    (lambda body: body.flag("x", default=False), lambda got: isinstance(got, bool)),
    (lambda body: body.section("x"), lambda got: isinstance(got, ControlBody)),
]


@pytest.mark.parametrize(("read", "is_kept"), READERS)
@settings(deadline=None)
@given(value=JSON_VALUES)
def test_reader_gives_what_it_promises_or_refuses_with_the_place(
    read: Callable[[ControlBody], Any], is_kept: Callable[[Any], bool], value: Any
) -> None:
    outcome = _outcome(read, ControlBody({"x": value}, pointer="/in"))
    if isinstance(outcome, InvalidInput):
        assert [error.pointer for error in outcome.errors] == ["/in/x"]
    else:
        assert is_kept(outcome)


def _outcome(read: Callable[[ControlBody], Any], body: ControlBody) -> Any:
    try:
        return read(body)
    except InvalidInput as error:
        return error


@settings(deadline=None)
@given(JSON_VALUES.filter(lambda value: not isinstance(value, dict)))
def test_anything_but_an_object_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        ControlBody(value)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=1, max_size=4))
def test_whatever_is_not_taken_is_refused_by_name(value: dict[str, int]) -> None:
    body = ControlBody(value)
    with pytest.raises(InvalidInput) as caught:
        body.finish()
    pointer = caught.value.errors[0].pointer
    assert pointer.removeprefix("/").replace("~1", "/").replace("~0", "~") in value
    assert pointer.count("/") == 1
    for name, number in value.items():
        assert name in body
        assert body.whole(name, minimum=0, maximum=9) == number
    body.finish()
