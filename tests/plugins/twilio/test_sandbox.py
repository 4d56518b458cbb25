import asyncio
import base64
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.consent import ConsentReported
from clientflow_core.domain.messages import DeliveryReported, MessageReceived, MessageStatus
from clientflow_core.sandbox import Arrival, build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.twilio.sandbox import (
    BLOCKED_NUMBER,
    INVALID_NUMBER,
    LANDLINE_NUMBER,
    LONGEST_BODY,
    UNREACHABLE_NUMBER,
    TwilioSandbox,
)
from clientflow_plugins.twilio.sandbox.acceptance import HELP_REPLY, START_REPLY, STOP_REPLY
from clientflow_plugins.twilio.sandbox.resources import count_segments
from clientflow_plugins.twilio.settings import TwilioSettings
from tests.plugins.twilio.conftest import CLIENT, SERVICE, Host, until

SECOND = "+15550100101"
OTHER_ACCOUNT = "AC" + "f" * 32


@attrs.define
class Api:
    """The sandbox over HTTP, as any client would use it."""

    http: aiohttp.ClientSession
    sandbox: TwilioSandbox

    @property
    def number(self) -> str:
        return self.sandbox.credentials["TWILIO_PHONE_NUMBER"]

    @property
    def root(self) -> str:
        sid = self.sandbox.credentials["TWILIO_ACCOUNT_SID"]
        return f"{self.sandbox.base_url}/2010-04-01/Accounts/{sid}"

    @property
    def headers(self) -> dict[str, str]:
        held = self.sandbox.credentials
        pair = (held["TWILIO_ACCOUNT_SID"], held["TWILIO_AUTH_TOKEN"])
        return {"Authorization": aiohttp.encode_basic_auth(*pair)}

    async def ask(self, method: str, url: str, **arguments: Any) -> tuple[int, Any]:
        arguments.setdefault("headers", self.headers)
        async with self.http.request(method, url, **arguments) as answer:
            return answer.status, await answer.json()

    async def create(self, form: Mapping[str, str | None]) -> tuple[int, Any]:
        given = {"From": self.number, "To": CLIENT, "Body": "hi", **form}
        data = {name: value for name, value in given.items() if value is not None}
        return await self.ask("POST", f"{self.root}/Messages.json", data=data)

    async def page(self, path_or_uri: str) -> Any:
        if path_or_uri.startswith("/2010"):
            url = f"{self.sandbox.base_url}{path_or_uri}"
        else:
            url = f"{self.root}/{path_or_uri}"
        status, page = await self.ask("GET", url)
        assert status == 200, page
        return page

    def statuses(self) -> set[str]:
        return {message["status"] for message in self.sandbox.state()["messages"]}

    async def control(self, path: str, body: Mapping[str, Any]) -> Any:
        status, answer = await self.ask(
            "POST", f"{self.sandbox.base_url}/_control/{path}", json=body
        )
        assert status == 200, answer
        return answer

    async def inbound(self, body: str, **more: Any) -> Any:
        return await self.control("inbound", {"from": CLIENT, "body": body} | more)


@pytest.fixture
def credentials() -> dict[str, str]:
    return TwilioSandbox.new_credentials() | {"TWILIO_MESSAGING_SERVICE_SID": SERVICE}


@pytest.fixture
def api(http: aiohttp.ClientSession, sandbox: TwilioSandbox, settings: TwilioSettings) -> Api:
    return Api(http, sandbox)


class TestCredentials:
    def test_are_random_and_enough_for_the_plugin(self) -> None:
        one, other = TwilioSandbox.new_credentials(), TwilioSandbox.new_credentials()
        assert one["TWILIO_AUTH_TOKEN"] != other["TWILIO_AUTH_TOKEN"]
        assert one["TWILIO_ACCOUNT_SID"] != other["TWILIO_ACCOUNT_SID"]
        load_settings(TwilioSettings, one)

    def test_number_is_of_the_range_for_fiction(self) -> None:
        for _ in range(50):
            number = TwilioSandbox.new_credentials()["TWILIO_PHONE_NUMBER"]
            assert "+14155550150" <= number <= "+14155550199"

    async def test_settings_follow_the_address_of_the_host(self, sandbox: TwilioSandbox) -> None:
        sandbox.host_url = "https://c.example"
        settings = sandbox.settings()
        assert settings["TWILIO_WEBHOOK_URL"] == "https://c.example/webhooks/twilio"
        assert settings["TWILIO_API_BASE_URL"] == sandbox.base_url
        assert settings | sandbox.credentials == settings

    async def test_never_show_in_the_state_or_the_panel(
        self, api: Api, sandbox: TwilioSandbox
    ) -> None:
        sandbox.credentials["TWILIO_WEBHOOK_SHARED_KEY"] = "the-shared-key"
        await api.inbound("hello")
        await api.create({})
        await until(lambda: len(sandbox.sender.deliveries) == 1)
        async with api.http.get(f"{sandbox.base_url}/_control/state") as answer:
            state = await answer.text()
        page = repr(sandbox.panel())
        account = json.dumps((await api.ask("GET", f"{api.root}.json"))[1])
        for text in (state, page, account):
            assert sandbox.credentials["TWILIO_AUTH_TOKEN"] not in text
            assert "the-shared-key" not in text
        assert "hello" in state
        assert "hello" in page


class TestRefusals:
    @pytest.mark.parametrize(
        ("form", "code"),
        [
            ({"To": None}, 21604),
            ({"To": ""}, 21604),
            ({"To": "5550100123"}, 21211),
            ({"To": "+0"}, 21211),
            ({"To": "whatsapp:+15550100123"}, 21211),
            ({"To": INVALID_NUMBER}, 21211),
            ({"To": LANDLINE_NUMBER}, 21614),
            ({"To": BLOCKED_NUMBER}, 21610),
            ({"From": None}, 21603),
            ({"From": ""}, 21603),
            ({"From": "Salon"}, 21212),
            ({"From": "+15550100199"}, 21606),
            ({"From": None, "MessagingServiceSid": "MG" + "0" * 32}, 21703),
            ({"MessagingServiceSid": "MG" + "0" * 32}, 21703),
            ({"Body": None}, 21602),
            ({"Body": ""}, 21602),
            ({"Body": "x" * (LONGEST_BODY + 1)}, 21617),
            ({"StatusCallback": "c.example/x"}, 21609),
            ({"StatusCallback": "ftp://c.example/x"}, 21609),
            ({"StatusCallback": "http://"}, 21609),
            ({"StatusCallback": "https://c.example/a b"}, 21609),
            ({"StatusCallback": "https://größe.example/"}, 21609),
            ({"to": CLIENT}, 20001),
            ({"IdempotencyKey": "x"}, 20001),
            ({"MediaUrl": "ftp://c.example/x.png"}, 21620),
        ],
    )
    async def test_text_that_is_not_taken(
        self, api: Api, sandbox: TwilioSandbox, form: dict[str, str | None], code: int
    ) -> None:
        status, answer = await api.create(form)
        assert (status, answer["code"], answer["status"]) == (400, code, 400)
        assert answer["message"]
        assert answer["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
        assert sandbox.state()["messages"] == []

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"Body=\xff", "application/x-www-form-urlencoded"),
            (b"Body=x", "application/x-www-form-urlencoded; charset=klingon"),
            (b"To=%2B15550100123&To=%2B15550100124&Body=x", "application/x-www-form-urlencoded"),
        ],
    )
    async def test_form_that_cannot_be_read(self, api: Api, data: bytes, kind: str) -> None:
        headers = api.headers | {"Content-Type": kind}
        url = f"{api.root}/Messages.json"
        status, answer = await api.ask("POST", url, data=data, headers=headers)
        assert (status, answer["code"]) == (400, 20001)

    async def test_json_is_no_form(self, api: Api) -> None:
        status, answer = await api.ask("POST", f"{api.root}/Messages.json", json={"To": CLIENT})
        assert (status, answer["code"]) == (400, 21604)

    @pytest.mark.parametrize(
        "query",
        [
            "DateSent=2026-11-24",
            "to=%2B15550100123",
            "PageSize=0",
            "PageSize=-1",
            "PageSize=ten",
            "PageSize=" + "9" * 5000,
            "Page=%D9%A3",
            "Page=1.0",
            "PageToken=PASM1",
            "PageToken=",
        ],
    )
    async def test_list_that_is_asked_for_wrongly(self, api: Api, query: str) -> None:
        for path in ("Messages.json", "IncomingPhoneNumbers.json"):
            status, answer = await api.ask("GET", f"{api.root}/{path}?{query}")
            assert (status, answer["code"]) == (400, 20001)

    @pytest.mark.parametrize(
        "authorization",
        [
            None,
            "",
            "Basic",
            "Basic bm9ib2R5",
            "Bearer x",
            "Basic größe",
            "wrong token",
            "another account",
        ],
    )
    async def test_who_cannot_prove_who_they_are(
        self, api: Api, sandbox: TwilioSandbox, authorization: str | None
    ) -> None:
        held = sandbox.credentials
        wrong = {
            "wrong token": f"{held['TWILIO_ACCOUNT_SID']}:{'0' * 32}",
            "another account": f"{OTHER_ACCOUNT}:{held['TWILIO_AUTH_TOKEN']}",
        }
        if authorization in wrong:
            authorization = f"Basic {base64.b64encode(wrong[authorization].encode()).decode()}"
        headers = {} if authorization is None else {"Authorization": authorization}
        for path in ("Messages.json", "IncomingPhoneNumbers.json", "Messages/SM1.json"):
            status, answer = await api.ask("GET", f"{api.root}/{path}", headers=headers)
            assert (status, answer["code"]) == (401, 20003)

    async def test_who_sends_bytes_that_are_no_text(self, api: Api, sandbox: TwilioSandbox) -> None:
        # Sent by hand, since no client would.
        url = urlsplit(f"{api.root}/Messages.json")
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"GET {url.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic "
        writer.write(head.encode() + b"\xff\xfe\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 401 ")

    async def test_what_is_not_there(self, api: Api, sandbox: TwilioSandbox) -> None:
        others = api.root.replace(sandbox.credentials["TWILIO_ACCOUNT_SID"], OTHER_ACCOUNT)
        for url in (f"{api.root}/Messages/SM{'0' * 32}.json", f"{others}/Messages.json"):
            status, answer = await api.ask("GET", url)
            assert (status, answer["code"]) == (404, 20404)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"event": "outbound"}, "/event"),
            ({"from": CLIENT, "body": 1}, "/body"),
            ({"from": "me", "body": "x"}, "/from"),
            ({"from": CLIENT, "to": "+15550100199", "body": "x"}, "/to"),
            ({"from": CLIENT, "body": "x", "times": 0}, "/times"),
            ({"from": CLIENT, "body": "x", "times": 101}, "/times"),
            ({"from": CLIENT, "body": "x", "form": 1}, "/form"),
        ],
    )
    async def test_client_who_cannot_write(
        self, api: Api, host: Host, sandbox: TwilioSandbox, body: Any, pointer: str
    ) -> None:
        status, answer = await api.ask("POST", f"{sandbox.base_url}/_control/inbound", json=body)
        assert status == 422
        assert [error["pointer"] for error in answer["errors"]] == [pointer]
        assert not host.bodies
        assert sandbox.state()["messages"] == []

    async def test_number_that_is_none_cannot_be_bought(
        self, api: Api, sandbox: TwilioSandbox
    ) -> None:
        url = f"{sandbox.base_url}/_control/numbers"
        for body in ({"number": "me"}, {"number": SECOND, "area": "x"}, {}):
            status, _ = await api.ask("POST", url, json=body)
            assert status == 422
        assert sandbox.state()["numbers"] == [api.number]


class TestPages:
    async def test_lead_through_everything_newest_first_though_new_texts_arrive(
        self, api: Api
    ) -> None:
        made = [(await api.create({"Body": str(n)}))[1]["sid"] for n in range(5)]
        page = await api.page("Messages.json?PageSize=2")
        seen = [m["sid"] for m in page["messages"]]
        while page["next_page_uri"]:
            await api.create({"Body": "new"})
            page = await api.page(page["next_page_uri"])
            seen += [m["sid"] for m in page["messages"]]
        assert seen == made[::-1]
        assert (page["page"], page["start"], page["end"]) == (2, 4, 4)

    async def test_lead_back_too(self, api: Api) -> None:
        for number in range(7):
            await api.create({"Body": str(number)})
        await until(lambda: api.statuses() == {"delivered"})
        first = await api.page("Messages.json?PageSize=2")
        assert first["previous_page_uri"] is None
        second = await api.page(first["next_page_uri"])
        third = await api.page(second["next_page_uri"])
        assert await api.page(third["previous_page_uri"]) == second
        assert (await api.page(second["previous_page_uri"]))["messages"] == first["messages"]
        assert (await api.page(third["first_page_uri"]))["messages"] == first["messages"]
        assert await api.page(third["uri"]) == third

    async def test_keep_the_filter(self, api: Api) -> None:
        for number in range(6):
            await api.create({"To": (CLIENT, "+15550100124")[number % 2]})
        page = await api.page("Messages.json?PageSize=2&To=%2B15550100124")
        rest = await api.page(page["next_page_uri"])
        assert {m["to"] for m in page["messages"] + rest["messages"]} == {"+15550100124"}
        assert len(page["messages"] + rest["messages"]) == 3
        assert rest["next_page_uri"] is None

    async def test_filter_by_either_side(self, api: Api) -> None:
        await api.create({})
        await api.inbound("hello")
        ours = api.number.replace("+", "%2B")
        for query, directions in (
            (f"From={ours}", ["outbound-api"]),
            (f"To={ours}", ["inbound"]),
            ("From=%2B15550100123", ["inbound"]),
            ("", ["inbound", "outbound-api"]),
            ("To=%2B15550100199", []),
        ):
            page = await api.page(f"Messages.json?{query}")
            assert [m["direction"] for m in page["messages"]] == directions

    async def test_have_fifty_unless_asked_and_a_thousand_at_most(self, api: Api) -> None:
        assert (await api.page("Messages.json"))["page_size"] == 50
        assert (await api.page("Messages.json?PageSize=5000"))["page_size"] == 1000

    async def test_of_numbers(self, api: Api) -> None:
        bought = await api.control("numbers", {"number": SECOND})
        assert bought == {"numbers": [api.number, SECOND]}
        assert await api.control("numbers", {"number": SECOND}) == bought
        page = await api.page("IncomingPhoneNumbers.json?PageSize=1")
        rest = await api.page(page["next_page_uri"])
        numbers = page["incoming_phone_numbers"] + rest["incoming_phone_numbers"]
        assert [n["phone_number"] for n in numbers] == [api.number, SECOND]
        assert len({n["sid"] for n in numbers}) == 2
        assert {n["sms_url"] for n in numbers} == {f"{api.sandbox.host_url}/webhooks/twilio"}
        one = await api.page("IncomingPhoneNumbers.json?PhoneNumber=%2B15550100101")
        assert one["incoming_phone_numbers"] == rest["incoming_phone_numbers"]
        none = await api.page("IncomingPhoneNumbers.json?PhoneNumber=%2B15550100199")
        assert none["incoming_phone_numbers"] == []


class TestInbound:
    async def test_text_arrives_signed_at_the_host(self, api: Api, host: Host) -> None:
        outcome = await api.inbound("Größe 42? ☕\n& = +")
        assert outcome["statuses"] == [200]
        assert not host.refused
        assert host.events == [
            MessageReceived(
                provider_message_id=outcome["message_sid"],
                sender=CLIENT,
                recipient=api.number,
                body="Größe 42? ☕\n& = +",
                group=SERVICE,
            )
        ]
        (verified,) = host.verified
        assert verified.external_id == outcome["message_sid"]
        fields = dict(parse_qsl(host.bodies[0].decode(), keep_blank_values=True))
        assert fields["ToCity"] == ""

    async def test_repetition_is_the_same_text(self, api: Api, host: Host) -> None:
        outcome = await api.inbound("hi", times=3)
        assert outcome["statuses"] == [200, 200, 200]
        assert {v.external_id for v in host.verified} == {outcome["message_sid"]}
        assert len(api.sandbox.state()["messages"]) == 1

    async def test_shared_key_signs_where_there_is_one(
        self, api: Api, host: Host, sandbox: TwilioSandbox
    ) -> None:
        sandbox.credentials["TWILIO_WEBHOOK_SHARED_KEY"] = "the-shared-key"
        assert (await api.inbound("hi"))["statuses"] == [403]
        host.settings = load_settings(TwilioSettings, sandbox.settings())
        assert (await api.inbound("hi"))["statuses"] == [200]

    async def test_another_host_refuses_it(self, api: Api, host: Host, settings: Any) -> None:
        host.settings = attrs.evolve(settings, account_sid=OTHER_ACCOUNT)
        assert (await api.inbound("hi"))["statuses"] == [403]
        assert len(host.refused) == 1

    async def test_host_address_may_be_set_later(
        self, api: Api, sandbox: TwilioSandbox, unused_tcp_port: int
    ) -> None:
        sandbox.host_url = f"http://127.0.0.1:{unused_tcp_port}"
        outcome = await api.inbound("hi")
        assert outcome["statuses"] == [None]
        (delivery,) = outcome["deliveries"]
        assert delivery["url"] == f"{sandbox.host_url}/webhooks/twilio"

    async def test_other_number_of_ours_may_be_written_to(self, api: Api, host: Host) -> None:
        await api.control("numbers", {"number": SECOND})
        await api.inbound("hi", to=SECOND)
        (event,) = host.events
        assert isinstance(event, MessageReceived)
        assert event.recipient == SECOND

    async def test_account_without_a_number_has_to_buy_one(
        self, api: Api, sandbox: TwilioSandbox
    ) -> None:
        del sandbox.credentials["TWILIO_PHONE_NUMBER"]
        url = f"{sandbox.base_url}/_control/"
        await api.control("reset", {})
        body = {"from": CLIENT, "body": "hi"}
        status, answer = await api.ask("POST", f"{url}inbound", json=body)
        assert (status, answer["errors"][0]["pointer"]) == (422, "/to")
        await api.control("numbers", {"number": SECOND})
        assert (await api.inbound("hi"))["statuses"] == [200]

    async def test_nul_and_blank_texts_arrive(self, api: Api, host: Host) -> None:
        await api.inbound("a\0b")
        await api.inbound("")
        bodies = [event.body for event in host.events if isinstance(event, MessageReceived)]
        assert bodies == ["a\N{REPLACEMENT CHARACTER}b", ""]


class TestOptOut:
    @pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "CANCEL", "end", "OPTOUT"])
    async def test_client_who_says_so_is_not_written_to(
        self, api: Api, host: Host, word: str
    ) -> None:
        await api.inbound(word)
        received, wish = host.events
        assert isinstance(received, MessageReceived)
        assert isinstance(wish, ConsentReported)
        status, answer = await api.create({})
        assert (status, answer["code"]) == (400, 21610)
        assert api.sandbox.state()["opted_out"] == [{"number": api.number, "client": CLIENT}]
        assert (await api.create({"To": "+15550100124"}))[0] == 201
        await api.inbound("START")
        assert (await api.create({}))[0] == 201
        assert api.sandbox.state()["opted_out"] == []

    async def test_word_within_a_sentence_is_none(self, api: Api) -> None:
        await api.inbound("Please stop by at 9")
        assert (await api.create({}))[0] == 201

    async def test_counts_for_one_number_of_ours_and_for_a_whole_service(self, api: Api) -> None:
        await api.control("numbers", {"number": SECOND})
        await api.inbound("STOP", to=SECOND)
        assert (await api.create({}))[0] == 201
        assert (await api.create({"From": SECOND}))[1]["code"] == 21610
        by_service = {"From": None, "MessagingServiceSid": SERVICE}
        assert (await api.create(by_service))[1]["code"] == 21610

    async def test_is_forgotten_by_a_reset(self, api: Api) -> None:
        await api.control("numbers", {"number": SECOND})
        await api.inbound("STOP")
        await api.control("reset", {})
        assert api.sandbox.state() == {
            "messages": [],
            "numbers": [api.number],
            "opted_out": [],
            "replies": [],
        }
        assert (await api.create({}))[0] == 201

    async def test_twilio_answers_by_itself_and_each_word_once(self, api: Api, host: Host) -> None:
        said = ("START", "help", "STOP", "STOP", "HELP", "Why?", "unstop", "YES")
        for word in said:
            await api.inbound(word)
        replies = api.sandbox.state()["replies"]
        assert [reply["body"] for reply in replies] == [
            HELP_REPLY,
            STOP_REPLY,
            START_REPLY,
        ]
        assert {(reply["to"], reply["from"]) for reply in replies} == {(CLIENT, api.number)}
        # They are no texts of ours: nobody is told of them, and the telephone shows them.
        assert len([one for one in host.events if isinstance(one, MessageReceived)]) == len(said)
        (phone,) = api.sandbox.panel().phones
        assert [one.body for one in phone.bubbles[:3]] == ["START", "help", HELP_REPLY]
        assert len(phone.bubbles) == len(said) + len(replies)


class TestReports:
    async def report(self, api: Api, host: Host, form: Mapping[str, str | None]) -> list[Any]:
        # Slow enough that one has arrived before the next begins.
        api.sandbox.step_seconds = 0.06
        callback = f"{host.url}/webhooks/twilio-status"
        status, _ = await api.create({"StatusCallback": callback, **form})
        assert status == 201
        await until(lambda: len(host.events) == 3)
        assert not host.refused
        return host.events

    async def test_come_signed_and_in_order(self, api: Api, host: Host) -> None:
        events = await self.report(api, host, {})
        assert [e.raw_status for e in events] == ["sending", "sent", "delivered"]
        assert {e.sender for e in events} == {api.number}
        assert {e.error_code for e in events} == {None}
        (message,) = api.sandbox.state()["messages"]
        assert message["status"] == "delivered"
        assert message["date_sent"]

    async def test_tell_of_a_telephone_that_is_not_reached(self, api: Api, host: Host) -> None:
        events = await self.report(api, host, {"To": UNREACHABLE_NUMBER})
        assert [e.raw_status for e in events] == ["sending", "sent", "undelivered"]
        assert [e.error_code for e in events] == [None, None, "30003"]
        assert events[-1].status is MessageStatus.UNDELIVERED
        (message,) = api.sandbox.state()["messages"]
        assert (message["status"], message["error_code"]) == ("undelivered", 30003)

    async def test_name_the_service_and_the_number_that_it_chose(
        self, api: Api, host: Host
    ) -> None:
        events = await self.report(api, host, {"From": None, "MessagingServiceSid": SERVICE})
        assert {(e.sender, e.group) for e in events} == {(api.number, SERVICE)}

    async def test_are_signed_for_the_address_to_the_letter(self, api: Api, host: Host) -> None:
        callback = f"{host.url}/webhooks/twilio-status?attempt=%41&x=%7E&y=a%20b"
        await self.report(api, host, {"StatusCallback": callback})

    async def test_of_a_service_without_numbers_have_no_sender(
        self, api: Api, host: Host, sandbox: TwilioSandbox
    ) -> None:
        sandbox._account.numbers.clear()
        events = await self.report(api, host, {"From": None, "MessagingServiceSid": SERVICE})
        assert {(e.sender, e.group) for e in events} == {("", SERVICE)}
        (phone,) = sandbox.panel().phones
        assert phone.business == "the messaging service"

    async def test_do_not_wait_for_each_other(self, api: Api, host: Host) -> None:
        await api.control("faults", {"webhooks": {"delay_seconds": 0.3}})
        callback = f"{host.url}/webhooks/twilio-status"
        await api.create({"StatusCallback": callback})
        await until(lambda: api.sandbox.state()["messages"][0]["status"] == "delivered")
        assert not host.events
        await until(lambda: len(host.events) == 3)

    async def test_come_twice_shuffled_or_not_at_all(self, api: Api, host: Host) -> None:
        callback = f"{host.url}/webhooks/twilio-status"
        await api.control("faults", {"webhooks": {"shuffled": True, "times": 2, "drop": 1}})
        await api.create({"StatusCallback": callback})
        await until(lambda: len(host.events) == 4)
        words = [e.raw_status for e in host.events if isinstance(e, DeliveryReported)]
        assert words == ["delivered", "delivered", "sent", "sent"]
        assert len({v.external_id for v in host.verified}) == 2

    async def test_end_with_a_reset(self, api: Api, host: Host) -> None:
        api.sandbox.step_seconds = 0.1
        callback = f"{host.url}/webhooks/twilio-status"
        await api.create({"StatusCallback": callback})
        await until(lambda: len(host.events) == 1)
        await api.control("reset", {})
        await asyncio.sleep(0.3)
        assert len(host.events) == 1
        assert not api.sandbox.sender.deliveries


class TestFaults:
    @pytest.mark.parametrize(
        ("answer", "status", "code"),
        [("429", 429, 20429), ("500", 500, 20500), ("503", 503, 20503)],
    )
    async def test_have_twilios_words(self, api: Api, answer: str, status: int, code: int) -> None:
        await api.control("faults", {"calls": 1, "answer": answer})
        got, body = await api.create({})
        assert (got, body["code"], body["status"]) == (status, code, status)
        assert api.sandbox.state()["messages"] == []

    @pytest.mark.parametrize("answer", ["bad_json", "cut_after_acceptance"])
    async def test_may_come_after_the_text_was_taken(self, api: Api, answer: str) -> None:
        await api.control("faults", {"calls": 1, "answer": answer})
        with pytest.raises((aiohttp.ClientError, json.JSONDecodeError)):
            await api.create({})
        assert len(api.sandbox.state()["messages"]) == 1


class _Still:
    def now(self) -> dt.datetime:
        return dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.fixture
async def still(http: aiohttp.ClientSession, host: Host) -> AsyncIterator[Api]:
    """An account whose clock stands still, in another zone."""
    box = TwilioSandbox(
        base_url="http://not-yet",
        host_url=host.url,
        credentials=TwilioSandbox.new_credentials(),
        clock=_Still(),
        step_seconds=0,
    )
    async with TestServer(build_sandbox_app([box])) as server:
        box.base_url = str(server.make_url("/twilio"))
        yield Api(http, box)


async def test_dates_are_of_the_given_clock_in_utc(still: Api) -> None:
    status, message = await still.create({})
    assert status == 201
    assert message["date_created"] == "Tue, 24 Nov 2026 07:30:00 +0000"


class TestPanel:
    async def test_shows_each_clients_telephone(self, api: Api, sandbox: TwilioSandbox) -> None:
        await api.inbound("hello")
        await api.create({"Body": "good day"})
        await api.create({"To": UNREACHABLE_NUMBER, "Body": "lost"})
        await until(lambda: sandbox.state()["messages"][-1]["status"] == "undelivered")
        panel = sandbox.panel()
        assert panel.numbers == [api.number]
        first, second = panel.phones
        assert [phone.client for phone in panel.phones] == [CLIENT, UNREACHABLE_NUMBER]
        assert {first.business, second.business} == {api.number}
        said = [(b.is_from_client, b.body, b.arrival, b.note) for b in first.bubbles]
        assert said[0] == (True, "hello", Arrival.ARRIVED, "received")
        assert said[1] == (False, "good day", Arrival.ARRIVED, "delivered")
        (lost,) = second.bubbles
        assert (lost.arrival, lost.note) == (Arrival.LOST, "undelivered")

    async def test_shows_a_text_on_its_way(self, api: Api, sandbox: TwilioSandbox) -> None:
        sandbox.step_seconds = 60
        await api.create({})
        (bubble,) = sandbox.panel().phones[0].bubbles
        assert bubble.arrival is Arrival.ON_ITS_WAY

    async def test_has_clients_who_do_what_is_said_of_them(
        self, api: Api, sandbox: TwilioSandbox
    ) -> None:
        outcomes = {}
        for client in sandbox.panel().ready:
            status, answer = await api.create({"To": client.number})
            outcomes[client.name] = answer["code"] if status == 400 else status
        assert outcomes == {"Ada": 201, "Ben": 201, "Cleo": 201, "Dov": 21610}
        await until(lambda: api.statuses() == {"delivered", "undelivered"})

    def test_works_for_an_account_without_numbers(self) -> None:
        credentials = TwilioSandbox.new_credentials()
        del credentials["TWILIO_PHONE_NUMBER"]
        box = TwilioSandbox(base_url="http://x", host_url="http://y", credentials=credentials)
        assert not box.panel().numbers
        assert not box.panel().phones


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("{}" * 40, 1),
        ("é" * 160, 1),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        ("x" * 134 + "☕", 3),
    ],
)
def test_segments_are_counted_by_the_alphabet(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@settings(deadline=None)
@given(st.text(max_size=LONGEST_BODY))
def test_longer_texts_never_have_fewercount_segments(text: str) -> None:
    assert 1 <= count_segments(text) <= count_segments(text + "x") <= count_segments(text + "xx")


async def test_app_closes_at_once_though_texts_are_on_their_way(host: Host, http: Any) -> None:
    box = TwilioSandbox(
        base_url="http://not-yet",
        host_url=host.url,
        credentials=TwilioSandbox.new_credentials(),
        step_seconds=30,
    )
    server = TestServer(build_sandbox_app([box]))
    await server.start_server()
    box.base_url = str(server.make_url("/twilio"))
    await Api(http, box).create({})
    await asyncio.wait_for(server.close(), 2)
    assert not box._tasks


class TestAddressForTexts:
    """What is set is where texts go; what Twilio would not take is refused."""

    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return TwilioSandbox.new_credentials()

    async def test_of_a_number_is_kept_and_used(self, api: Api, host: Host) -> None:
        (number,) = (await api.page("IncomingPhoneNumbers.json"))["incoming_phone_numbers"]
        url = f"{api.root}/IncomingPhoneNumbers/{number['sid']}.json"
        other = f"{host.url}/webhooks/twilio-status"
        status, made = await api.ask("POST", url, data={"SmsUrl": other})
        assert (status, made["sms_url"]) == (200, other)
        await api.inbound("hello")
        assert len(host.refused) == 1
        for form, code in (
            ({"SmsUrl": "elsewhere"}, 21402),
            ({"SmsMethod": "GET"}, 21403),
            ({"VoiceUrl": "https://a.example"}, 20001),
        ):
            status, said = await api.ask("POST", url, data=form)
            assert (status, said["code"]) == (400, code)
        await api.control("reset", {})
        (number,) = (await api.page("IncomingPhoneNumbers.json"))["incoming_phone_numbers"]
        assert number["sms_url"] == f"{host.url}/webhooks/twilio"

    async def test_of_what_is_not_there_is_not_set(self, api: Api) -> None:
        none = f"{api.root}/IncomingPhoneNumbers/PN{'0' * 32}.json"
        assert (await api.ask("POST", none, data={}))[0] == 404
        service = f"{api.sandbox.base_url}/v1/Services/MG{'0' * 32}"
        for path in ("", "/PhoneNumbers", "/Compliance/Usa2p"):
            assert (await api.ask("GET", service + path))[0] == 404
