"""Both sides held against Twilio's own OpenAPI document: what the sandbox says and what we ask."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import jsonschema  # type: ignore[import-untyped]  # it has none of its own
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.messages import OutboundMessage
from clientflow_core.providers.channel import MessageQuery
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.twilio.provider import TwilioChannel
from clientflow_plugins.twilio.sandbox import UNREACHABLE_NUMBER, TwilioSandbox
from clientflow_plugins.twilio.sandbox.acceptance import CREATE_PARAMETERS
from clientflow_plugins.twilio.sandbox.lists import (
    LIST_PARAMETERS,
    NUMBER_PARAMETERS,
    PAGE_PARAMETERS,
)
from clientflow_plugins.twilio.sandbox.numbers import NUMBER_FIELDS, SERVICE_FIELDS
from clientflow_plugins.twilio.settings import TwilioSettings
from tests.plugins.twilio.conftest import CLIENT, SERVICE, Host, until


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text("utf-8"))
    return read


SCHEMA = _read("twilio_api_v2010.schema.json")
MESSAGING = _read("twilio_messaging_v1.schema.json")
FORMATS = jsonschema.FormatChecker(formats=())


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or parsedate_to_datetime(value).tzinfo == dt.UTC


def _is_number(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"\+[1-9][0-9]{6,14}", value))


def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[A-Za-z]{3}", value))


FORMATS.checks("date-time-rfc-2822", raises=(ValueError, TypeError))(_is_date)
FORMATS.checks("phone-number")(_is_number)
FORMATS.checks("currency")(_is_currency)


def _close(schema: Any) -> Any:
    """Refuse whatever the document does not name."""
    if isinstance(schema, list):
        return [_close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(value) for name, value in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema else closed


def check(name: str, value: object, *, of: Mapping[str, Any] = SCHEMA) -> None:
    """Hold *value* against the definition *name*."""
    schema = {"$ref": f"#/$defs/{name}", "$defs": _close(of["$defs"])}
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(value)


def properties(name: str, *, of: Mapping[str, Any] = SCHEMA) -> Mapping[str, Any]:
    found: Mapping[str, Any] = of["$defs"][name]["properties"]
    return found


@attrs.define
class Api:
    """The sandbox's API, asked directly."""

    http: aiohttp.ClientSession
    sandbox: TwilioSandbox
    headers: Mapping[str, str]

    @property
    def account(self) -> str:
        return f"{self.sandbox.base_url}/2010-04-01/Accounts/{self.sandbox._account_sid}"

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.account}{path}", headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, url: str, **form: str) -> tuple[int, Any]:
        async with self.http.post(url, data=form, headers=self.headers) as answer:
            return answer.status, await answer.json()

    async def create(self, **form: str) -> Any:
        url = f"{self.account}/Messages.json"
        async with self.http.post(url, data=form, headers=self.headers) as answer:
            assert answer.status == 201, await answer.text()
            return await answer.json()


@pytest.fixture
def credentials() -> dict[str, str]:
    return TwilioSandbox.new_credentials() | {"TWILIO_MESSAGING_SERVICE_SID": SERVICE}


@pytest.fixture
def api(http: aiohttp.ClientSession, sandbox: TwilioSandbox) -> Api:
    pair = (sandbox.credentials["TWILIO_ACCOUNT_SID"], sandbox.credentials["TWILIO_AUTH_TOKEN"])
    return Api(http, sandbox, {"Authorization": aiohttp.encode_basic_auth(*pair)})


class TestSandbox:
    async def test_account(self, api: Api) -> None:
        async with api.http.get(f"{api.account}.json", headers=api.headers) as answer:
            check("account", await answer.json())

    async def test_message_in_every_state(self, api: Api, sandbox: TwilioSandbox) -> None:
        number = sandbox.credentials["TWILIO_PHONE_NUMBER"]
        made = [
            await api.create(To=CLIENT, From=number, Body="x"),
            await api.create(To=CLIENT, MessagingServiceSid=SERVICE, Body="x" * 161),
            await api.create(To=UNREACHABLE_NUMBER, From=number, Body="👍" * 36),
        ]
        assert [one["status"] for one in made] == ["queued", "accepted", "queued"]
        assert [one["num_segments"] for one in made] == ["1", "0", "2"]
        for one in made:
            check("message", one)
        await until(lambda: {m.status for m in sandbox._messages.values()} == FINAL)
        body = {"from": CLIENT, "body": "hello"}
        async with api.http.post(f"{sandbox.base_url}/_control/inbound", json=body) as answer:
            assert answer.status == 200
        page = await api.get("/Messages.json")
        check("list_messages", page)
        assert [one["direction"] for one in page["messages"]] == ["inbound"] + ["outbound-api"] * 3
        for one in page["messages"]:
            check("message", one)
            assert one == await api.get(f"/Messages/{one['sid']}.json")
            assert set(one) == set(properties("message"))

    async def test_pages_of_messages(self, api: Api, sandbox: TwilioSandbox) -> None:
        check("list_messages", await api.get("/Messages.json"))
        for _ in range(3):
            await api.create(To=CLIENT, From=sandbox.credentials["TWILIO_PHONE_NUMBER"], Body="x")
        for page in (0, 1):
            got = await api.get(f"/Messages.json?PageSize=2&Page={page}")
            check("list_messages", got)
            assert set(got) == set(properties("list_messages"))

    async def test_numbers(self, api: Api) -> None:
        page = await api.get("/IncomingPhoneNumbers.json")
        assert len(page["incoming_phone_numbers"]) == 1
        check("list_incoming_phone_numbers", page)

    async def test_number_whose_address_is_set(self, api: Api) -> None:
        (number,) = (await api.get("/IncomingPhoneNumbers.json"))["incoming_phone_numbers"]
        form = {"SmsUrl": "https://a.example/texts", "SmsMethod": "POST"}
        check("update_incoming_phone_number", form)
        url = f"{api.account}/IncomingPhoneNumbers/{number['sid']}.json"
        status, made = await api.post(url, **form)
        check("incoming_phone_number", made)
        assert (status, made["sms_url"]) == (200, form["SmsUrl"])
        assert await api.get("/IncomingPhoneNumbers.json") != [number]

    async def test_service_its_numbers_and_its_campaign(self, api: Api) -> None:
        at = f"{api.sandbox.base_url}/v1/Services/{SERVICE}"
        for path, name in {
            "": "service",
            "/PhoneNumbers?PageSize=1": "list_phone_numbers",
            "/Compliance/Usa2p?PageSize=1000": "list_us_app_to_person",
        }.items():
            async with api.http.get(at + path, headers=api.headers) as answer:
                found = await answer.json()
            check(name, found, of=MESSAGING)
            assert set(found) == set(properties(name, of=MESSAGING))
        form = {"InboundRequestUrl": "https://a.example/texts", "InboundMethod": "POST"}
        check("update_service", form, of=MESSAGING)
        status, made = await api.post(at, **form)
        check("service", made, of=MESSAGING)
        assert (status, made["inbound_request_url"]) == (200, form["InboundRequestUrl"])

    async def test_knows_no_parameter_that_twilio_does_not(self) -> None:
        assert set(properties("create_message")) >= CREATE_PARAMETERS
        assert set(properties("query_messages")) >= LIST_PARAMETERS
        assert set(properties("query_incoming_phone_numbers")) >= NUMBER_PARAMETERS
        assert set(properties("update_incoming_phone_number")) >= NUMBER_FIELDS
        assert set(properties("update_service", of=MESSAGING)) >= SERVICE_FIELDS
        assert set(properties("query_phone_numbers", of=MESSAGING)) >= PAGE_PARAMETERS


FINAL = {"delivered", "undelivered"}


@attrs.define
class Recorder:
    """An API that writes down what it is asked; each request has one answer."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list)
    answers: list[Any] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        given = await request.post() if request.method == "POST" else request.query
        assert len(given) == len(set(given)), "a parameter is there twice"
        fields = {name: str(value) for name, value in given.items()}
        self.requests.append((request.method, request.path, fields))
        answer = self.answers.pop(0)
        return web.json_response(answer, status=201 if request.method == "POST" else 200)


@pytest.fixture
async def recorder() -> Any:
    made = Recorder()
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", made.handle)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


class TestRequests:
    @pytest.mark.parametrize("service", [None, SERVICE])
    @pytest.mark.parametrize("public_url", [None, "https://c.example/base"])
    async def test_new_message(
        self,
        http: aiohttp.ClientSession,
        settings: TwilioSettings,
        recorder: Recorder,
        message: OutboundMessage,
        service: str | None,
        public_url: str | None,
    ) -> None:
        recorder.answers = [{"sid": "SM" + "1" * 32, "status": "queued"}]
        ours = attrs.evolve(settings, api_base_url=recorder.url, messaging_service_sid=service)
        await TwilioChannel(ProviderContext(http=http, public_url=public_url), ours).send(message)
        ((method, path, fields),) = recorder.requests
        assert (method, path) == (
            "POST",
            f"/2010-04-01/Accounts/{settings.account_sid}/Messages.json",
        )
        check("create_message", fields)
        expected = {"To": message.recipient, "From": message.sender, "Body": message.body}
        if service:
            expected["MessagingServiceSid"] = service
        if public_url:
            callback = f"{public_url}/webhooks/twilio-status?attempt={message.attempt_id}"
            expected["StatusCallback"] = callback
        assert fields == expected

    async def test_look_up(
        self,
        context: ProviderContext,
        settings: TwilioSettings,
        recorder: Recorder,
        message: OutboundMessage,
    ) -> None:
        path = f"/2010-04-01/Accounts/{settings.account_sid}/Messages.json"
        following = f"{path}?To=%2B15550100123&PageSize=100&Page=1&PageToken=PASM1"
        recorder.answers = [
            {"messages": [], "page": 0, "next_page_uri": following},
            {"messages": [], "page": 1, "next_page_uri": None},
        ]
        channel = TwilioChannel(context, attrs.evolve(settings, api_base_url=recorder.url))
        query = MessageQuery(message=message, attempted_at=dt.datetime.now(dt.UTC))
        assert await channel.find_messages(query) == []
        assert [(method, asked) for method, asked, _ in recorder.requests] == [("GET", path)] * 2
        for _, _, fields in recorder.requests:
            numbers = {k: int(v) for k, v in fields.items() if k in {"Page", "PageSize"}}
            check("query_messages", fields | numbers)
        first, second = (fields for _, _, fields in recorder.requests)
        assert (first["To"], first["From"]) == (message.recipient, message.sender)
        assert second["PageToken"] == "PASM1"

    async def test_account(
        self, context: ProviderContext, settings: TwilioSettings, recorder: Recorder
    ) -> None:
        recorder.answers = [{"sid": settings.account_sid, "status": "active", "friendly_name": "x"}]
        channel = TwilioChannel(context, attrs.evolve(settings, api_base_url=recorder.url))
        await channel.verify()
        path = f"/2010-04-01/Accounts/{settings.account_sid}.json"
        assert recorder.requests == [("GET", path, {})]


class TestThisCheck:
    """That the schema is strict enough to find something."""

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "on its way"},
            {"sid": "SM123"},
            {"num_segments": 1},
            {"date_created": "2026-11-24T09:00:00Z"},
            {"date_created": "Tue, 24 Nov 2026 09:00:00 +0100"},
            {"direction": "out"},
            {"error_code": "30003"},
            {"from": "0155"},
            {"price_unit": "dollars"},
            {"unheard_of": None},
        ],
    )
    async def test_faulty_message_is_found(
        self, api: Api, sandbox: TwilioSandbox, change: dict[str, object]
    ) -> None:
        good = await api.create(To=CLIENT, MessagingServiceSid=SERVICE, Body="x")
        check("message", good)
        with pytest.raises(jsonschema.ValidationError):
            check("message", good | change)

    def test_faulty_request_is_found(self) -> None:
        check("create_message", {"To": CLIENT, "Body": "x"})
        for faulty in ({"Body": "x"}, {"To": CLIENT, "IdempotencyKey": "x"}, {"To": "me"}):
            with pytest.raises(jsonschema.ValidationError):
                check("create_message", faulty)

    def test_source_and_license_are_named(self) -> None:
        for schema in (SCHEMA, MESSAGING):
            assert "github.com/twilio/twilio-oai" in schema["$comment"]
            assert "MIT" in schema["$license"]


async def test_host_is_not_called_without_a_callback(api: Api, host: Host) -> None:
    await api.create(To=CLIENT, MessagingServiceSid=SERVICE, Body="x")
    await until(lambda: {m.status for m in api.sandbox._messages.values()} == {"delivered"})
    assert not host.bodies
