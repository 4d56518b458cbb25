"""Webhooks over real HTTP: what is kept, what is refused, and what is told of it."""

import asyncio
import gzip
import io
import tracemalloc
from collections.abc import AsyncIterator
from typing import Final

import attrs
import pytest

from clientflow_core import failpoints
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.assembly import assemble
from clientflow_host.routes import webhooks
from clientflow_plugins.twilio.spec import TWILIO as TWILIO_SPEC
from clientflow_plugins.twilio.webhooks import INBOUND
from tests.databases import Addresses
from tests.host.conftest import Answer, Host, database_away, hosting, until
from tests.texts import CLIENT, OTHER_NUMBER, form, new_sid, report, signed_headers, text

MEBIBYTE: Final = 1024 * 1024
TWILIO: Final = "/webhooks/twilio"


async def refused(host: Host, answer: Answer, *, outcome: str, before: float) -> str:
    """Make sure that nothing was kept and that it was counted; give the code."""
    assert host.count("inbound_events") == 0
    assert host.count("jobs") == 0
    assert await host.counted("twilio", outcome) == before + 1
    return answer.code


async def test_signed_text_is_kept_with_its_job(host: Host) -> None:
    before = await host.counted("twilio", "kept")
    answer = await host.webhook(text())
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert answer.body.endswith("<Response/>")
    kept = host.rows("SELECT provider, webhook, state FROM inbound_events")
    assert kept == [("twilio", "twilio", "received")]
    assert host.rows("SELECT lane, kind FROM jobs") == [("inbound", "handle_inbound_event")]
    assert await host.counted("twilio", "kept") == before + 1


@pytest.mark.parametrize(
    "how", ["no signature", "nonsense", "another token", "another address", "another body"]
)
async def test_forged_signature_is_refused_and_counted(host: Host, how: str) -> None:
    fields, url = text(), host.assembly.settings.url + TWILIO
    headers = signed_headers(url, fields)
    match how:
        case "no signature":
            del headers["X-Twilio-Signature"]
        case "nonsense":
            headers["X-Twilio-Signature"] = "\udcff=="
        case "another token":
            headers = signed_headers(url, fields, token="2" * 32)
        case "another address":
            headers = signed_headers(f"{url}-status", fields)
        case _:
            fields["Body"] += "!"
    before = await host.counted("twilio", "refused")
    answer = await host.bare("POST", TWILIO, data=form(fields), headers=headers)
    assert answer.status == 403
    assert await refused(host, answer, outcome="refused", before=before) == "signature_refused"


async def test_text_of_another_account_is_refused(host: Host) -> None:
    answer = await host.webhook(text(AccountSid="AC" + "9" * 32))
    assert (answer.status, answer.code) == (403, "signature_refused")
    assert host.count("inbound_events") == 0


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), 65_536):
        yield body[begin : begin + 65_536]


@pytest.mark.parametrize("is_length_told", [True, False])
async def test_body_over_the_limit_is_refused(host: Host, *, is_length_told: bool) -> None:
    fields = text("x" * MEBIBYTE)
    headers = signed_headers(host.assembly.settings.url + TWILIO, fields)
    body = form(fields)
    data = io.BytesIO(body) if is_length_told else _in_pieces(body)
    before = await host.counted("twilio", "too_large")
    answer = await host.bare("POST", TWILIO, data=data, headers=headers)
    assert answer.status == 413
    assert await refused(host, answer, outcome="too_large", before=before) == "payload_too_large"


async def test_body_just_under_the_limit_is_kept(host: Host) -> None:
    fields = text("")
    fields["Body"] = "x" * (MEBIBYTE - len(form(fields)))
    assert len(form(fields)) == MEBIBYTE
    headers = signed_headers(host.assembly.settings.url + TWILIO, fields)
    answer = await host.bare("POST", TWILIO, data=io.BytesIO(form(fields)), headers=headers)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("most", "letters", "status"), [(300, 300, 413), (2 * MEBIBYTE, 3 * MEBIBYTE // 2, 200)]
)
async def test_limit_is_that_of_the_webhook(
    emptied: Addresses, values: dict[str, str], most: int, letters: int, status: int
) -> None:
    webhook = attrs.evolve(INBOUND, max_body_bytes=most)
    plugin = Plugin(
        name="twilio", version="0", specs=(attrs.evolve(TWILIO_SPEC, webhooks=(webhook,)),)
    )
    registry = ProviderRegistry([plugin], values)
    async with assemble(values) as whole:
        assembly = attrs.evolve(whole, registry=registry)
        async with hosting(emptied, assembly) as host:
            fields = text("x" * letters)
            headers = signed_headers(assembly.settings.url + TWILIO, fields)
            body = io.BytesIO(form(fields))
            answer = await host.bare("POST", TWILIO, data=body, headers=headers)
    assert answer.status == status


async def test_webhook_whose_plugin_lacks_its_sdk_is_to_be_sent_again(
    emptied: Addresses, values: dict[str, str]
) -> None:
    def need_sdk(_: WebhookRequest, __: object, /) -> Verified:
        import no_such_sdk  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - what is tested

        raise AssertionError

    spec = attrs.evolve(TWILIO_SPEC, webhooks=(attrs.evolve(INBOUND, verify=need_sdk),))
    registry = ProviderRegistry([Plugin(name="twilio", version="0", specs=(spec,))], values)
    async with assemble(values) as whole:
        assembly = attrs.evolve(whole, registry=registry)
        async with hosting(emptied, assembly) as host:
            answer = await host.webhook(text("Hello?"))
            assert (answer.status, answer.code) == (503, "plugin")
            assert host.count("inbound_events") == 0


async def test_gzip_bomb_is_refused_before_it_unfolds(host: Host) -> None:
    bomb = gzip.compress(form(text("")) + bytes(64 * MEBIBYTE))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
    before = await host.counted("twilio", "too_large")
    tracemalloc.start()
    answer = await host.bare("POST", TWILIO, data=bomb, headers=headers)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    await refused(host, answer, outcome="too_large", before=before)
    assert most_bytes < 16 * MEBIBYTE


async def test_gzipped_text_is_kept(host: Host) -> None:
    fields = text("Hello? " * 100)
    headers = signed_headers(host.assembly.settings.url + TWILIO, fields)
    headers["Content-Encoding"] = "gzip"
    answer = await host.bare("POST", TWILIO, data=gzip.compress(form(fields)), headers=headers)
    assert answer.status == 200
    assert bytes(host.rows("SELECT body FROM inbound_events")[0][0]) == form(fields)


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"MessageSid=SM&Body=%FF%FE", {}),
        (b"MessageSid=SM&Body=\xff\xfe", {}),
        (b"&".join(b"F%d=x" % n for n in range(1000)), {}),
        (b'{"MessageSid": "SM"}', {"Content-Type": "application/json"}),
        (b"MessageSid=SM", {"Content-Encoding": "gzip", "Connection": "close"}),
    ],
    ids=["not UTF-8", "not even quoted", "too many fields", "not a form", "not gzip"],
)
async def test_unreadable_body_is_refused(host: Host, body: bytes, more: dict[str, str]) -> None:
    headers = signed_headers(host.assembly.settings.url + TWILIO, {})
    before = await host.counted("twilio", "unreadable")
    answer = await host.bare("POST", TWILIO, data=body, headers=headers | more)
    assert answer.status == 400
    assert await refused(host, answer, outcome="unreadable", before=before) == "bad_payload"


async def _send_half(host: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.assembly.settings.port)
    head = f"POST {TWILIO} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nMessageSid="
    writer.write(head.encode())
    await writer.drain()
    return reader, writer


async def test_body_that_does_not_arrive_is_not_waited_for(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_BODY_SECONDS", 0.2)
    before = await host.counted("twilio", "too_slow")
    reader, writer = await _send_half(host)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert line == b"HTTP/1.1 408 Request Timeout\r\n"
    assert await host.counted("twilio", "too_slow") == before + 1
    assert host.count("inbound_events") == 0


async def test_caller_who_leaves_in_the_middle_does_no_harm(host: Host) -> None:
    before = await host.counted("twilio", "unreadable")
    _, writer = await _send_half(host)
    writer.transport.abort()

    async def look() -> bool:
        return await host.counted("twilio", "unreadable") == before + 1

    await until(look, seconds=2)
    assert (await host.webhook(text())).status == 200


async def test_repeated_delivery_changes_nothing(host: Host) -> None:
    fields = text()
    answers = await asyncio.gather(*(host.webhook(fields) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert (host.count("inbound_events"), host.count("jobs")) == (1, 1)


async def test_many_texts_at_once_are_all_kept(host: Host) -> None:
    answers = await asyncio.gather(*(host.webhook(text(str(n))) for n in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert (host.count("inbound_events"), host.count("jobs")) == (100, 100)


async def test_webhook_is_posted_and_never_asked_for(host: Host) -> None:
    answer = await host.bare("GET", TWILIO)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


async def test_unknown_webhook_is_not_found(host: Host) -> None:
    answer = await host.webhook(text(), path="/webhooks/nobody")
    assert (answer.status, answer.code) == (404, "not_found")
    assert host.count("inbound_events") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"},
        {"Forwarded": "host=evil.example;proto=https"},
    ],
)
async def test_address_that_the_caller_claims_is_not_believed(
    host: Host, headers: dict[str, str]
) -> None:
    assert (await host.webhook(text(), **headers)).status == 200
    fields = text()
    claimed = signed_headers(f"https://evil.example{TWILIO}", fields)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await host.bare("POST", TWILIO, data=form(fields), headers=claimed | named)
    assert answer.status == 403
    assert host.count("inbound_events") == 1


@pytest.mark.parametrize("query", ["?a=1", "?b=%C3%A9&a=%2F+x"])
async def test_query_is_part_of_what_is_signed(host: Host, query: str) -> None:
    fields = text()
    url = host.assembly.settings.url + TWILIO
    request = f"POST {TWILIO}{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

    async def post(signed_url: str) -> bytes:
        headers = signed_headers(signed_url, fields)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = form(fields)
        reader, writer = await asyncio.open_connection("127.0.0.1", host.assembly.settings.port)
        head = f"{request}{lines}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        line = await reader.readline()
        writer.close()
        return line.split()[1]

    assert await post(f"{url}?c=2") == b"403"
    assert await post(url + query) == b"200"
    assert host.rows("SELECT url FROM inbound_events") == [(url + query,)]


async def test_host_behind_a_proxy_checks_the_address_that_the_world_knows(
    emptied: Addresses, values: dict[str, str]
) -> None:
    public = {"CLIENTFLOW_PUBLIC_URL": "https://texts.example.com/clientflow/"}
    async with assemble(values | public) as assembly, hosting(emptied, assembly) as host:
        fields = text()
        headers = signed_headers(f"https://texts.example.com/clientflow{TWILIO}", fields)
        answer = await host.bare("POST", TWILIO, data=form(fields), headers=headers)
        assert answer.status == 200


async def test_headers_that_nobody_asked_to_keep_are_not_kept(host: Host) -> None:
    await host.webhook(text(), Authorization="Bearer secret", Cookie="secret=1")
    [(headers,)] = host.rows("SELECT headers FROM inbound_events")
    assert set(headers) == {"content-type", "x-twilio-signature"}


async def test_text_to_an_unknown_number_is_kept_and_ignored(host: Host, worker: None) -> None:
    assert (await host.webhook(text(To="+14155550199"))).status == 200
    await host.quiet()
    [(state, reason)] = host.rows("SELECT state, reason FROM inbound_events")
    assert state == "ignored"
    assert reason == "no channel of twilio has the address +14155550199"
    assert host.count("messages") == host.count("contacts") == 0


async def test_text_to_a_number_of_another_organization_is_theirs(host: Host, worker: None) -> None:
    theirs = host.add_organization()
    await host.webhook(text("for them", To=OTHER_NUMBER))
    await host.quiet()
    assert (await host.get("/conversations"))["data"] == []
    (conversation,) = (await host.get("/conversations", by=theirs))["data"]
    assert (conversation["last_body"], conversation["address"]) == ("for them", CLIENT)


async def test_text_is_taken_over_as_it_was_written(host: Host, worker: None) -> None:
    body = "  Grüße 👍\n& so=on +% \x00 \u202e"
    conversation = await host.conversation(body, NumMedia="1", MediaUrl0="https://a.example/1")
    (message,) = (await host.get(f"/conversations/{conversation['id']}/messages"))["data"]
    assert message["body"] == body.replace("\x00", "\ufffd")
    assert message["media_urls"] == ["https://a.example/1"]
    assert (message["direction"], message["status"]) == ("in", "received")


async def test_report_of_an_unknown_message_is_kept_and_ignored(host: Host, worker: None) -> None:
    sid = new_sid()
    answer = await host.webhook(report(sid, "delivered"), path="/webhooks/twilio-status")
    assert (answer.status, answer.body) == (200, "")
    await host.quiet()
    kept = host.rows("SELECT state, reason FROM inbound_events")
    assert kept == [("ignored", f"no message of ours is {sid}")]


async def test_database_that_is_away_asks_the_sender_to_come_again(
    host: Host, server: EmbeddedPostgres
) -> None:
    fields = text()
    before = await host.counted("twilio", "shed")
    with database_away(server, host.addresses):
        answer = await host.webhook(fields)
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "1"
        assert await host.counted("twilio", "shed") == before + 1
    assert host.count("inbound_events") == 0
    assert (await host.webhook(fields)).status == 200
    assert host.count("inbound_events") == 1


async def test_what_nobody_foresaw_is_an_error_and_counted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = failpoints._read("receive_webhook.verified=raise")
    monkeypatch.setattr(failpoints, "_active", active)
    before = await host.counted("twilio", "failed")
    answer = await host.webhook(text())
    assert answer.status == 500
    assert await refused(host, answer, outcome="failed", before=before) == "internal"
