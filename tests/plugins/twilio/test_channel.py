import asyncio
import datetime as dt
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.messages import DeliveryReported, MessageStatus, OutboundMessage
from clientflow_core.errors import (
    AuthFailed,
    ClientRefused,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.channel import MessageQuery, SupportsMessageLookup
from clientflow_core.providers.spec import Capability, ProviderContext
from clientflow_core.secret import Secret
from clientflow_plugins.twilio import provider as provider_module
from clientflow_plugins.twilio.errors import ErrorAnswer, map_error, read_error_answer
from clientflow_plugins.twilio.http_client import SharedSessionClient
from clientflow_plugins.twilio.provider import TwilioChannel
from clientflow_plugins.twilio.sandbox import (
    BLOCKED_NUMBER,
    INVALID_NUMBER,
    UNREACHABLE_NUMBER,
    TwilioSandbox,
)
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.spec import TWILIO
from tests.plugins.twilio.conftest import CLIENT, SERVICE, Host, until

pytestmark = pytest.mark.proves("TI2")

Serve = Callable[..., Awaitable[TwilioChannel]]


def query_for(message: OutboundMessage) -> MessageQuery:
    return MessageQuery(message=message, attempted_at=dt.datetime.now(dt.UTC))


async def set_faults(sandbox: TwilioSandbox, http: aiohttp.ClientSession, **body: Any) -> None:
    async with http.post(f"{sandbox.base_url}/_control/faults", json=body) as answer:
        assert answer.status == 200, await answer.text()


def short_deadline(
    context: ProviderContext, settings: TwilioSettings, seconds: float = 0.3
) -> TwilioChannel:
    return TwilioChannel(context, settings, total_seconds=seconds)


async def test_verify_gives_the_accounts_name(channel: TwilioChannel) -> None:
    assert await channel.verify() == "ClientFlow sandbox"


def test_the_declared_ability_is_there(channel: TwilioChannel) -> None:
    assert Capability.MESSAGE_LOOKUP in TWILIO.capabilities
    assert isinstance(channel, SupportsMessageLookup)


async def test_text_goes_out_and_its_delivery_comes_back(
    channel: TwilioChannel, sandbox: TwilioSandbox, host: Host, message: OutboundMessage
) -> None:
    receipt = await channel.send(message)
    assert receipt.status is MessageStatus.SENT
    assert receipt.segments == 1
    assert receipt.accepted_at is not None
    assert receipt.accepted_at.tzinfo is not None
    await until(lambda: len(host.events) == 3)
    assert not host.refused
    by_word = {e.raw_status: e for e in host.events if isinstance(e, DeliveryReported)}
    assert set(by_word) == {"sending", "sent", "delivered"}
    assert by_word["delivered"] == DeliveryReported(
        provider_message_id=receipt.provider_message_id,
        sender=message.sender,
        status=MessageStatus.DELIVERED,
        raw_status="delivered",
        attempt_id=message.attempt_id,
    )
    assert len({v.external_id for v in host.verified}) == 3
    (kept,) = sandbox.state()["messages"]
    assert kept["body"] == message.body
    assert kept["to"] == CLIENT


async def test_text_that_cannot_be_delivered_is_reported_with_its_code(
    channel: TwilioChannel, host: Host, message: OutboundMessage
) -> None:
    await channel.send(attrs.evolve(message, recipient=UNREACHABLE_NUMBER))
    await until(lambda: len(host.events) == 3)
    codes = {e.status: e.error_code for e in host.events if isinstance(e, DeliveryReported)}
    assert codes == {MessageStatus.SENT: None, MessageStatus.UNDELIVERED: "30003"}


async def test_without_public_url_no_reports_are_asked_for(
    http: aiohttp.ClientSession,
    settings: TwilioSettings,
    sandbox: TwilioSandbox,
    message: OutboundMessage,
) -> None:
    async with TWILIO.open(ProviderContext(http=http), settings) as channel:
        await channel.send(message)
    await until(lambda: sandbox.state()["messages"][0]["status"] == "delivered")
    assert not sandbox.sender.deliveries


class TestMessagingService:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return TwilioSandbox.new_credentials() | {"TWILIO_MESSAGING_SERVICE_SID": SERVICE}

    async def test_goes_with_the_sender(
        self, channel: TwilioChannel, sandbox: TwilioSandbox, message: OutboundMessage
    ) -> None:
        receipt = await channel.send(message)
        assert receipt.segments is None
        (kept,) = sandbox.state()["messages"]
        assert (kept["from"], kept["messaging_service_sid"]) == (message.sender, SERVICE)

    async def test_may_be_the_sender_itself_and_is_found_again(
        self, channel: TwilioChannel, sandbox: TwilioSandbox, message: OutboundMessage
    ) -> None:
        by_service = attrs.evolve(message, sender=SERVICE)
        receipt = await channel.send(by_service)
        await until(lambda: sandbox.state()["messages"][0]["status"] == "delivered")
        (found,) = await channel.find_messages(query_for(by_service))
        assert found.provider_message_id == receipt.provider_message_id
        assert found.status is MessageStatus.DELIVERED

    async def test_unknown_service_is_rejected(
        self, channel: TwilioChannel, message: OutboundMessage
    ) -> None:
        with pytest.raises(RejectedInput) as caught:
            await channel.send(attrs.evolve(message, sender="MG" + "0" * 32))
        assert caught.value.provider_code == "21703"


class TestLookup:
    async def test_finds_equal_texts_oldest_first_and_nothing_else(
        self, channel: TwilioChannel, sandbox: TwilioSandbox, message: OutboundMessage
    ) -> None:
        first = await channel.send(message)
        second = await channel.send(message)
        await channel.send(attrs.evolve(message, body="another"))
        await channel.send(attrs.evolve(message, recipient="+15550100124"))
        found = await channel.find_messages(query_for(message))
        ids = [receipt.provider_message_id for receipt in found]
        assert ids == [first.provider_message_id, second.provider_message_id]

    async def test_finds_a_text_behind_many_to_the_same_client(
        self, channel: TwilioChannel, message: OutboundMessage
    ) -> None:
        first = await channel.send(message)
        for number in range(230):
            await channel.send(attrs.evolve(message, body=f"another, number {number}"))
        (found,) = await channel.find_messages(query_for(message))
        assert found.provider_message_id == first.provider_message_id

    async def test_says_nothing_of_what_lies_behind_more_than_it_reads(
        self,
        channel: TwilioChannel,
        message: OutboundMessage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(provider_module, "_MOST_CANDIDATES", 3)
        await channel.send(message)
        for number in range(2):
            await channel.send(attrs.evolve(message, body=f"another, number {number}"))
        with pytest.raises(ProviderUnavailable, match="3 texts were sent to the client"):
            await channel.find_messages(query_for(message))
        since_then = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=6)
        later = MessageQuery(message=message, attempted_at=since_then)
        assert await channel.find_messages(later) == []

    async def test_finds_a_text_that_still_waits_at_twilio(
        self,
        channel: TwilioChannel,
        sandbox: TwilioSandbox,
        message: OutboundMessage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sandbox, "_carry", _stand_still)
        await channel.send(message)
        assert sandbox.state()["messages"][0]["date_sent"] is None
        assert len(await channel.find_messages(query_for(message))) == 1

    async def test_leaves_out_what_is_older_than_the_attempt(
        self, channel: TwilioChannel, message: OutboundMessage
    ) -> None:
        await channel.send(message)
        now = dt.datetime.now(dt.UTC)
        later = MessageQuery(message=message, attempted_at=now + dt.timedelta(minutes=6))
        assert await channel.find_messages(later) == []
        skewed = MessageQuery(message=message, attempted_at=now + dt.timedelta(minutes=4))
        assert len(await channel.find_messages(skewed)) == 1

    async def test_a_client_who_writes_the_same_words_is_not_found(
        self,
        channel: TwilioChannel,
        sandbox: TwilioSandbox,
        http: aiohttp.ClientSession,
        message: OutboundMessage,
    ) -> None:
        # An inbound text has the numbers the other way round; only a faulty list would show it.
        body = {"from": message.sender, "to": CLIENT, "body": message.body}
        async with http.post(f"{sandbox.base_url}/_control/numbers", json={"number": CLIENT}) as _:
            pass
        async with http.post(f"{sandbox.base_url}/_control/inbound", json=body) as answer:
            assert answer.status == 200
        assert await channel.find_messages(query_for(message)) == []

    async def test_finds_what_was_taken_before_the_connection_was_cut(
        self,
        channel: TwilioChannel,
        sandbox: TwilioSandbox,
        http: aiohttp.ClientSession,
        message: OutboundMessage,
    ) -> None:
        await set_faults(sandbox, http, calls=1, answer="cut_after_acceptance")
        with pytest.raises(OutcomeUnknown) as caught:
            await channel.send(message)
        assert isinstance(caught.value.__cause__, aiohttp.ClientError)
        (found,) = await channel.find_messages(query_for(message))
        assert found.provider_message_id in sandbox._messages


async def _stand_still(_: object) -> None:
    await asyncio.sleep(30)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "expected", "code"),
        [
            ({"recipient": INVALID_NUMBER}, RejectedInput, "21211"),
            ({"recipient": "nobody"}, RejectedInput, "21211"),
            ({"recipient": "+15005550009"}, RejectedInput, "21614"),
            ({"recipient": ""}, RejectedInput, "21604"),
            ({"recipient": BLOCKED_NUMBER}, ClientRefused, "21610"),
            ({"sender": "+15550100199"}, RejectedInput, "21606"),
            ({"sender": "Salon"}, RejectedInput, "21212"),
            ({"sender": ""}, RejectedInput, "21603"),
            ({"body": ""}, RejectedInput, "21602"),
            ({"body": "x" * 1601}, RejectedInput, "21617"),
        ],
    )
    async def test_are_told_apart_and_keep_twilios_code(
        self,
        channel: TwilioChannel,
        message: OutboundMessage,
        change: dict[str, Any],
        expected: type[ProviderError],
        code: str,
    ) -> None:
        with pytest.raises(expected) as caught:
            await channel.send(attrs.evolve(message, **change))
        assert type(caught.value) is expected
        assert caught.value.provider_code == code
        assert caught.value.__cause__ is not None

    async def test_longest_text_passes(
        self, channel: TwilioChannel, message: OutboundMessage
    ) -> None:
        receipt = await channel.send(attrs.evolve(message, body="x" * 1600))
        assert receipt.segments == 11

    async def test_wrong_token_is_auth_failed_everywhere(
        self, context: ProviderContext, settings: TwilioSettings, message: OutboundMessage
    ) -> None:
        wrong = attrs.evolve(settings, auth_token=Secret("wrong"))
        async with TWILIO.open(context, wrong) as channel:
            for call in (
                channel.verify(),
                channel.send(message),
                channel.find_messages(query_for(message)),
            ):
                with pytest.raises(AuthFailed) as caught:
                    await call
                assert caught.value.provider_code == "20003"


def _answer(status: int, body: object, **headers: str) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


@pytest.fixture
async def serve(context: ProviderContext, settings: TwilioSettings) -> Any:
    """Gives a channel whose API always gives the one answer."""
    servers: list[TestServer] = []

    async def start(make: Callable[[], web.Response]) -> TwilioChannel:
        async def handle(_: web.Request) -> web.Response:
            return make()

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        url = str(server.make_url(""))
        return TwilioChannel(context, attrs.evolve(settings, api_base_url=url), total_seconds=2)

    yield start
    for server in servers:
        await server.close()


TABLE = [
    # status, body, on create, on reads, code
    (400, {"code": 21211, "message": "bad"}, RejectedInput, RejectedInput, "21211"),
    (400, {"code": 21610, "message": "stop"}, ClientRefused, ClientRefused, "21610"),
    (400, {"code": 20003, "message": "who"}, AuthFailed, AuthFailed, "20003"),
    (400, {"code": 21611, "message": "queue"}, RateLimited, RateLimited, "21611"),
    (401, {"code": 20003, "message": "who"}, AuthFailed, AuthFailed, "20003"),
    (401, "", AuthFailed, AuthFailed, None),
    (403, {"code": 20005, "message": "suspended"}, AuthFailed, AuthFailed, "20005"),
    (404, {"code": 20404, "message": "none"}, RejectedInput, RejectedInput, "20404"),
    (405, {"message": "no"}, ProviderRefused, ProviderRefused, None),
    (408, "<html>", OutcomeUnknown, ProviderUnavailable, None),
    (429, {"code": 20429, "message": "slow"}, RateLimited, RateLimited, "20429"),
    (429, "<html>", RateLimited, RateLimited, None),
    (500, {"code": 20500, "message": "oops"}, OutcomeUnknown, ProviderUnavailable, "20500"),
    (502, "<html>Bad Gateway</html>", OutcomeUnknown, ProviderUnavailable, None),
    (503, {"code": 20503, "message": "later"}, OutcomeUnknown, ProviderUnavailable, "20503"),
    (302, "", OutcomeUnknown, ProviderUnavailable, None),
    (200, "<html>", OutcomeUnknown, ProviderUnavailable, None),
    (201, '{"sid": "', OutcomeUnknown, ProviderUnavailable, None),
    (200, "[]", OutcomeUnknown, ProviderUnavailable, None),
    (200, "null", OutcomeUnknown, ProviderUnavailable, None),
    (200, {"messages": [{}], "no": 1}, OutcomeUnknown, ProviderUnavailable, None),
    (
        422,
        {"type": "u", "title": "Broken", "status": 422, "code": 20422},
        ProviderRefused,
        ProviderRefused,
        "20422",
    ),
]


@pytest.mark.parametrize("row", TABLE)
async def test_answers_mean_what_the_error_map_says(
    serve: Serve, message: OutboundMessage, row: tuple[Any, ...]
) -> None:
    status, body, on_create, on_reads, code = row
    channel = await serve(lambda: _answer(status, body, **{"Retry-After": "7"}))
    with pytest.raises(on_create) as created:
        await channel.send(message)
    with pytest.raises(on_reads) as read:
        await channel.find_messages(query_for(message))
    for caught, expected in ((created, on_create), (read, on_reads)):
        assert type(caught.value) is expected
        assert caught.value.provider_code == code
        assert caught.value.__cause__ is not None
    if status in {429, 503}:
        assert isinstance(read.value, ProviderUnavailable)
        assert read.value.retry_after_seconds == 7.0


async def test_empty_201_is_of_unknown_outcome(serve: Serve, message: OutboundMessage) -> None:
    channel = await serve(lambda: _answer(201, ""))
    with pytest.raises(OutcomeUnknown):
        await channel.send(message)


async def test_suspended_account_does_not_verify(serve: Serve) -> None:
    account = {"sid": "AC", "friendly_name": "x", "status": "suspended"}
    channel = await serve(lambda: _answer(200, account))
    with pytest.raises(AuthFailed, match="suspended"):
        await channel.verify()


async def test_account_that_is_not_there_does_not_verify(serve: Serve) -> None:
    channel = await serve(lambda: _answer(404, {"code": 20404, "message": "none"}))
    with pytest.raises(AuthFailed) as caught:
        await channel.verify()
    assert caught.value.provider_code == "20404"


async def test_verify_of_a_silent_provider_is_unavailable(serve: Serve) -> None:
    channel = await serve(lambda: _answer(500, ""))
    with pytest.raises(ProviderUnavailable):
        await channel.verify()


async def test_trial_accounts_prefix_and_a_missing_date_do_not_hide_a_text(
    serve: Serve, message: OutboundMessage
) -> None:
    item = {
        "sid": "SM" + "1" * 32,
        "direction": "outbound-api",
        "body": f"Sent from your Twilio trial account - {message.body}",
        "status": "some_new_word",
        "num_segments": None,
    }
    channel = await serve(lambda: _answer(200, {"messages": [item], "page": 0}))
    (found,) = await channel.find_messages(query_for(message))
    assert (found.status, found.segments, found.accepted_at) == (MessageStatus.SENT, None, None)


@pytest.mark.parametrize("answer", ["cut_before", "timeout", "bad_json", "html", "500", "503"])
async def test_whatever_leaves_the_outcome_open_is_unknown_and_never_sent_twice(
    context: ProviderContext,
    settings: TwilioSettings,
    sandbox: TwilioSandbox,
    http: aiohttp.ClientSession,
    message: OutboundMessage,
    answer: str,
) -> None:
    channel = short_deadline(context, settings)
    await set_faults(sandbox, http, calls=1, answer=answer)
    with pytest.raises(OutcomeUnknown):
        await channel.send(message)
    assert sandbox.calls_seen == 1
    await set_faults(sandbox, http, calls=9, answer=answer)
    with pytest.raises(ProviderUnavailable):
        await channel.find_messages(query_for(message))


async def test_late_answer_after_acceptance_is_unknown_and_found(
    context: ProviderContext,
    settings: TwilioSettings,
    sandbox: TwilioSandbox,
    http: aiohttp.ClientSession,
    message: OutboundMessage,
) -> None:
    channel = short_deadline(context, settings)
    await set_faults(sandbox, http, calls=1, delay_seconds=1)
    with pytest.raises(OutcomeUnknown):
        await channel.send(message)
    assert len(await channel.find_messages(query_for(message))) == 1


async def test_rate_limit_carries_the_wait(
    channel: TwilioChannel,
    sandbox: TwilioSandbox,
    http: aiohttp.ClientSession,
    message: OutboundMessage,
) -> None:
    await set_faults(sandbox, http, calls=1, answer="429", retry_after_seconds=3)
    with pytest.raises(RateLimited) as caught:
        await channel.send(message)
    assert (caught.value.retry_after_seconds, caught.value.provider_code) == (3.0, "20429")
    assert not sandbox.state()["messages"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}",
        "https://127.0.0.1:{port}",
        "http://nobody.invalid",
        "http://127.0.0.1:99999",
    ],
)
async def test_unreachable_api_is_surely_not_sent(
    context: ProviderContext,
    settings: TwilioSettings,
    message: OutboundMessage,
    unused_tcp_port: int,
    url: str,
) -> None:
    there = url.format(port=unused_tcp_port)
    channel = TwilioChannel(context, attrs.evolve(settings, api_base_url=there))
    with pytest.raises(ProviderUnavailable):
        await channel.send(message)


async def test_waiting_for_a_free_connection_is_surely_not_sent(
    settings: TwilioSettings,
    sandbox: TwilioSandbox,
    http: aiohttp.ClientSession,
    message: OutboundMessage,
) -> None:
    await set_faults(sandbox, http, calls=1, delay_seconds=0.8)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as narrow:
        context = ProviderContext(http=narrow)
        patient = asyncio.create_task(TwilioChannel(context, settings).send(message))
        await until(lambda: sandbox.calls_seen == 1)
        with pytest.raises(ProviderUnavailable, match="ConnectionTimeoutError"):
            await short_deadline(context, settings).send(message)
        await patient
    assert len(sandbox.state()["messages"]) == 1


async def test_channel_never_closes_the_shared_session(
    context: ProviderContext, settings: TwilioSettings
) -> None:
    async with TWILIO.open(context, settings) as channel:
        await channel.verify()
    assert not context.http.closed


async def test_environment_of_the_process_does_not_move_the_host(
    context: ProviderContext, settings: TwilioSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    async with TWILIO.open(context, settings) as channel:
        assert await channel.verify() == "ClientFlow sandbox"


class _FixedClock:
    def now(self) -> dt.datetime:
        return dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


async def test_without_a_base_url_the_request_goes_to_twilio(http: aiohttp.ClientSession) -> None:
    client = SharedSessionClient(http, clock=_FixedClock())
    assert client._place("https://api.twilio.com/x?y=1") == "https://api.twilio.com/x?y=1"
    moved = SharedSessionClient(http, clock=_FixedClock(), base_url="http://localhost:1/twilio/")
    assert moved._place("https://api.twilio.com/x?y=%2B1") == "http://localhost:1/twilio/x?y=%2B1"


async def test_client_sends_plain_requests_too(
    http: aiohttp.ClientSession, sandbox: TwilioSandbox
) -> None:
    client = SharedSessionClient(http, clock=_FixedClock(), base_url=sandbox.base_url)
    with pytest.raises(ErrorAnswer) as caught:
        await client.request("GET", "https://api.twilio.com/2010-04-01/Accounts/AC.json")
    assert caught.value.status == 401


def test_long_words_of_twilio_are_cut() -> None:
    answer = read_error_answer(400, json.dumps({"message": "x" * 9000}), None)
    assert len(answer.detail) == 300
    assert "no reason" in read_error_answer(400, "{}", None).detail


KEY = ConnectionKey("api.twilio.com", 443, True, True, None, None, None)
REFUSED = OSError(111, "refused")


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientConnectorError(KEY, REFUSED),
        aiohttp.ClientConnectorDNSError(KEY, REFUSED),
        aiohttp.ClientProxyConnectionError(KEY, REFUSED),
        aiohttp.ClientConnectorSSLError(KEY, REFUSED),
        aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError()),
        aiohttp.ConnectionTimeoutError(),
        aiohttp.InvalidURL("nonsense"),
        aiohttp.NonHttpUrlClientError("gopher://x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failure_before_anything_was_sent_may_be_repeated(error: Exception) -> None:
    for is_create in (True, False):
        mapped = map_error(error, is_create=is_create)
        assert type(mapped) is ProviderUnavailable
        assert type(error).__name__ in str(mapped)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        aiohttp.ServerTimeoutError(),
        aiohttp.SocketTimeoutError(),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ClientPayloadError(),
        aiohttp.ClientConnectionResetError(),
        ConnectionResetError(),
        BrokenPipeError(),
        OSError(),
        json.JSONDecodeError("x", "", 0),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        KeyError("sid"),
        TypeError(),
        AttributeError(),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failure_after_something_may_have_been_sent_is_of_unknown_outcome(
    error: Exception,
) -> None:
    assert type(map_error(error, is_create=True)) is OutcomeUnknown
    assert type(map_error(error, is_create=False)) is ProviderUnavailable


@settings(deadline=None)
@given(status=st.integers(100, 599).filter(lambda status: not 200 <= status < 300))
def test_status_alone_never_says_refused_where_the_text_may_have_been_taken(status: int) -> None:
    mapped = map_error(ErrorAnswer(status, None, "?"), is_create=True)
    is_certain = 400 <= status < 500 and status != 408
    assert isinstance(mapped, OutcomeUnknown) != is_certain
    read = map_error(ErrorAnswer(status, None, "?"), is_create=False)
    assert not isinstance(read, OutcomeUnknown)


@settings(deadline=None)
@given(text=st.text() | st.binary().map(lambda data: data.decode("utf-8", "replace")))
def test_any_error_page_is_read(text: str) -> None:
    answer = read_error_answer(502, text, None)
    assert answer.status == 502
    assert len(answer.detail) <= 300


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 9000, '{"code": [1]}', '"x"', "null"])
def test_odd_json_in_an_error_answer_is_read(text: str) -> None:
    assert read_error_answer(429, text, 7.0).retry_after_seconds == 7.0
