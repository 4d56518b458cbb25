"""The stand-in refuses what Sentry refuses, and what the plugin never means to send."""

import gzip
import json
from typing import Any

import aiohttp
import pytest

from clientflow_plugins.sentry.sandbox import SentrySandbox

ID = "0" * 31 + "1"
EVENT: dict[str, Any] = {
    "event_id": ID,
    "timestamp": "2026-11-29T12:00:00Z",
    "platform": "python",
    "level": "error",
    "release": "clientflow@0.1.0",
    "environment": "test",
    "server_name": "clientflow",
    "sdk": {"name": "sentry.python"},
    "exception": {"values": [{"type": "E", "value": "w"}]},
}
TRACE = {"trace_id": ID, "span_id": "1" * 16, "op": "x"}
SPAN = TRACE | {
    "parent_span_id": "1" * 16,
    "description": "x",
    "start_timestamp": 1.0,
    "timestamp": 2.0,
}
TRANSACTION = {name: one for name, one in EVENT.items() if name not in {"exception", "level"}} | {
    "type": "transaction",
    "transaction": "x",
    "transaction_info": {"source": "custom"},
    "contexts": {"trace": TRACE},
    "start_timestamp": 1.0,
    "spans": [SPAN],
}


def envelope(kind: str, payload: Any, *, header: str = json.dumps({"event_id": ID})) -> bytes:
    body = json.dumps(payload).encode()
    item = json.dumps({"type": kind, "length": len(body)})
    return f"{header}\n{item}\n".encode() + body + b"\n"


async def post(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, body: bytes, **headers: str | None
) -> tuple[int, str]:
    dsn = sandbox.settings()["SENTRY_DSN"]
    key, project = dsn[7:39], dsn.rpartition("/")[2]
    given = {
        "X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7",
        "Content-Type": "application/x-sentry-envelope",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{sandbox.base_url}/api/{project}/envelope/"
    sent = {name: value for name, value in given.items() if value is not None}
    async with http.post(url, data=body, headers=sent) as answer:
        return answer.status, str((await answer.json()).get("detail"))


@pytest.mark.parametrize(
    ("kind", "payload"), [("event", EVENT), ("transaction", TRANSACTION), ("client_report", {})]
)
async def test_good_one_is_taken_compressed_or_not(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, kind: str, payload: Any
) -> None:
    body = envelope(kind, payload)
    assert (await post(sandbox, http, body))[0] == 200
    packed = gzip.compress(body)
    assert (await post(sandbox, http, packed, Content_Encoding="gzip"))[0] == 200


@pytest.mark.parametrize(
    ("auth", "status", "words"),
    [
        (None, 401, "missing authorization"),
        ("Bearer x", 401, "bad x-sentry-auth"),
        ("Sentry sentry_key=x, sentry_key=y", 401, "bad x-sentry-auth"),
        ("Sentry sentry_key=x, sentry_version=7, other=1", 401, "bad x-sentry-auth"),
        ("Sentry sentry_key=x, sentry_version=7", 400, "public key"),
        (f"Sentry sentry_key={ID}, sentry_version=5", 400, "protocol version"),
        (f"Sentry sentry_key={ID}, sentry_version=7", 403, "ProjectId"),
    ],
)
async def test_stranger_is_refused(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, auth: str | None, status: int, words: str
) -> None:
    found = await post(sandbox, http, envelope("event", EVENT), X_Sentry_Auth=auth)
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"other": 1}\n',
        b'{}\n{"type":"attachment","length":2}\n{}\n',
        b'{}\n{"type":"client_report","length":99}\n{}\n',
        b'{}\n{"type":"client_report","length":2}\n{}more',
        b'{}\n{"type":"client_report","other":2}\n{}\n',
        b'{}\n{"type":"client_report"}\n[1]\n',
        envelope("event", EVENT, header="{}"),
        envelope("event", EVENT) + envelope("event", EVENT).partition(b"\n")[2],
    ],
)
async def test_bad_framing_is_refused(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, body: bytes
) -> None:
    status, detail = await post(sandbox, http, body)
    assert status == 400
    assert detail.startswith("invalid event envelope")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("event", EVENT | {"request": {}}),
        ("event", EVENT | {"timestamp": "yesterday"}),
        ("event", EVENT | {"timestamp": "2026-11-29T12:00:00"}),
        ("event", EVENT | {"exception": {"values": []}}),
        ("event", EVENT | {"exception": {"values": ["E"]}}),
        ("event", EVENT | {"tags": {"a b": "c"}}),
        ("event", EVENT | {"tags": {"a": "x" * 201}}),
        ("event", EVENT | {"contexts": {"trace": {"trace_id": "x"}}}),
        ("transaction", TRANSACTION | {"start_timestamp": True}),
        ("transaction", TRANSACTION | {"spans": [SPAN | {"trace_id": "2" * 32}]}),
        ("transaction", TRANSACTION | {"spans": [TRACE]}),
    ],
)
async def test_payload_that_breaks_a_rule_is_refused_and_not_kept(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, kind: str, payload: Any
) -> None:
    assert (await post(sandbox, http, envelope(kind, payload)))[0] == 400
    assert (sandbox.state()["events"], sandbox.state()["transactions"]) == ([], [])


async def test_variables_are_refused(sandbox: SentrySandbox, http: aiohttp.ClientSession) -> None:
    frames = {"frames": [{"function": "f", "vars": {"x": "1"}}]}
    raised = [{"type": "E", "value": "w", "stacktrace": frames}]
    body = envelope("event", EVENT | {"exception": {"values": raised}})
    assert "variables" in (await post(sandbox, http, body))[1]


async def test_project_that_is_no_number_is_refused(
    sandbox: SentrySandbox, http: aiohttp.ClientSession
) -> None:
    auth = f"Sentry sentry_key={ID}, sentry_version=7"
    url = f"{sandbox.base_url}/api/mine/envelope/"
    async with http.post(url, data=b"{}", headers={"X-Sentry-Auth": auth}) as answer:
        assert answer.status == 400


async def test_other_content_is_refused(
    sandbox: SentrySandbox, http: aiohttp.ClientSession
) -> None:
    found = await post(sandbox, http, envelope("event", EVENT), Content_Type="application/json")
    assert found[0] == 415


@pytest.mark.parametrize(
    ("place", "token", "status"),
    [("sandbox/clientflow", "wrong", 401), ("sandbox/other", None, 404)],
)
async def test_rules_of_others_are_not_listed(
    sandbox: SentrySandbox,
    http: aiohttp.ClientSession,
    place: str,
    token: str | None,
    status: int,
) -> None:
    given = token or sandbox.credentials["SENTRY_AUTH_TOKEN"]
    url = f"{sandbox.base_url}/api/0/projects/{place}/rules/"
    async with http.get(url, headers={"Authorization": f"Bearer {given}"}) as answer:
        assert answer.status == status
