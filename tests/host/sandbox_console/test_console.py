"""The console without a script, and its parts as a script asks for them."""

import re

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.sandbox_console.console import add_console
from tests.host.sandbox_console.conftest import CLIENT, OURS, BusinessHost, Console, call, until

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


async def test_policy_allows_our_files_and_the_business_in_a_frame(
    console: Console, business: BusinessHost
) -> None:
    async with console.http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
        assert answer.headers["X-Frame-Options"] == "DENY"
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["frame-src"] == business.url
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page)
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        async with console.http.get(path) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/static/0/clientflow.css", "/static/0/nothing.css", "/nothing"])
async def test_nothing_else_is_there(console: Console, path: str) -> None:
    assert (await console.open(path))[0] == 404


async def test_browser_that_asks_for_an_icon_gets_none(console: Console) -> None:
    assert await console.open("/favicon.ico") == (204, "")


async def test_newcomer_finds_a_telephone_the_steps_and_the_inbox(
    console: Console, business: BusinessHost
) -> None:
    status, page = await console.open()
    assert status == 200
    assert "Write as Ada" in page
    assert "sign in with the login that was printed" in page
    assert f'<iframe title="The inbox of the business" src="{business.url}/inbox">' in page
    assert "No texts yet" in page
    assert "Nothing yet." in page


async def test_text_goes_to_the_business_and_back_to_the_telephone(
    console: Console, business: BusinessHost
) -> None:
    status, goal = await console.write("Hello\r\nthere ")
    assert status == 303
    assert business.bodies == ["Hello\nthere"]
    status, page = await console.open()
    assert "Hello\nthere" in page
    assert f'id="{goal.removeprefix("/#")}"' in page
    assert re.search(r"/webhooks/twilio: SM\w+… received", page)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"body": " \r\n"}, "Write something first."),
        ({"body": "x" * 1601}, "A text has 1600 characters at most."),
        ({"from": "Ada"}, "/from is no number"),
        ({"to": "+14155550199"}, "/to is not ours"),
    ],
)
async def test_text_that_cannot_be_sent_is_told(
    console: Console, business: BusinessHost, form: dict[str, str], told: str
) -> None:
    sent = {"from": CLIENT, "to": OURS, "body": "hi"} | form
    for send in (console.send, console.send_part):
        status, page = await send("twilio/texts", **sent)
        assert status == 422
        assert f'<p class="problem" role="alert">{told}</p>' in page
    assert not business.bodies


async def test_page_does_not_wait_for_a_webhook_that_is_late(
    console: Console, business: BusinessHost
) -> None:
    await console.send("twilio/faults", on="delayed", seconds="3600")
    status, _ = await console.write("hi")
    assert status == 303
    assert "hi" in (await console.open())[1]
    assert not business.bodies


async def test_what_a_stranger_writes_is_only_ever_shown(console: Console) -> None:
    await console.write(HOSTILE)
    _, page = await console.open()
    assert "&lt;script&gt;alert(1)" in page
    assert "<img" not in page
    assert not page.count("<script>")


async def test_only_what_has_changed_is_sent_again(console: Console) -> None:
    for part in ("clients", "inside"):
        _, page = await console.open()
        (address,) = re.findall(f'hx-get="(/_console/live/{part}[^"]+)"', page)
        assert await console.open(address) == (204, "")
        await console.write("hi")
        status, shown = await console.open(address)
        assert status == 200
        assert shown.startswith(f'<div class="live" id="live-{part}"')
        assert "<html" not in shown
    assert (await console.open("/_console/live/other"))[0] == 404


async def test_script_gets_the_part_that_its_form_stands_in(console: Console) -> None:
    sent = {"from": CLIENT, "to": OURS, "body": "hi"}
    status, shown = await console.send_part("twilio/texts", **sent)
    assert status == 200
    assert shown.startswith('<div class="live" id="live-clients"')
    status, shown = await console.send_part("twilio/faults", on="429")
    assert status == 200
    assert shown.startswith('<div class="live" id="live-inside"')


@pytest.mark.parametrize(
    ("form", "client"),
    [
        ({"number": "+1 (415) 555-0177"}, "+14155550177"),
        ({"number": "+14155550124"}, "Ben"),
        ({"number": "+14155550124", "business": OURS}, "Ben"),
    ],
)
async def test_another_telephone_is_put_on_the_table(
    console: Console, form: dict[str, str], client: str
) -> None:
    assert "Write as Ada" in (await console.open())[1]
    status, goal = await console.send("twilio/phones", **form)
    assert status == 303
    _, page = await console.open()
    assert f"Write as {client}" in page
    assert f'<article class="phone" id="{goal.removeprefix("/#")}"' in page
    # The first one stays where it was.
    assert page.index("Write as Ada") < page.index(f"Write as {client}")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"number": "415 555 0177"}, "is no number in international form"),
        ({}, "This is no number in international form"),
        ({"number": CLIENT, "business": CLIENT}, "is not a number of the business"),
    ],
)
async def test_telephone_that_cannot_be_is_told(
    console: Console, form: dict[str, str], told: str
) -> None:
    status, page = await console.send("twilio/phones", **form)
    assert status == 422
    assert told in page


async def test_fault_is_switched_on_shown_spent_and_switched_off(console: Console) -> None:
    assert (await console.send("twilio/faults", on="503", count="2", reading="yes"))[0] == 303
    _, page = await console.open()
    assert "<b>Twilio SMS:</b> The provider is down (503), for the next 2 calls." in page
    assert page.count('aria-checked="true"') == 1
    assert await call(console) == 503
    _, page = await console.open()
    assert "for the next call." in page
    assert "503, as switched on" in page
    assert (await console.send("twilio/faults", off="503"))[0] == 303
    assert await call(console) == 401
    _, page = await console.open()
    assert 'aria-checked="true"' not in page
    assert "All faults off" not in page


async def test_fault_spares_reading_unless_that_is_asked_for(console: Console) -> None:
    await console.send("twilio/faults", on="503")
    assert await call(console) == 401
    _, page = await console.open()
    assert "for the next call that changes something." in page


@pytest.mark.parametrize("part", ["clients", "inside"])
async def test_all_faults_are_switched_off_at_once(console: Console, part: str) -> None:
    await console.send("twilio/faults", on="500", count="9")
    await console.send("twilio/faults", on="shuffled")
    assert (await console.send(f"off/{part}"))[0] == 303
    assert console.box.faults.call is None
    assert not console.box.faults.webhooks.shuffled


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"on": "418"}, "There is no such switch."),
        ({}, "There is no such switch."),
        ({"on": "500", "count": "0"}, "The number of calls must be from 1 to 1000."),
        ({"on": "500", "count": "many"}, "The number of calls must be from 1 to 1000."),
        ({"on": "late", "seconds": "9" * 5000}, "The number of seconds must be from 1 to 3600."),
    ],
)
async def test_switch_that_is_not_understood_is_told(
    console: Console, form: dict[str, str], told: str
) -> None:
    status, page = await console.send("twilio/faults", **form)
    assert status == 422
    assert told in page
    assert console.box.faults.call is None


async def test_reset_is_asked_for_twice_and_forgets_everything(console: Console) -> None:
    await console.write("hi")
    await console.send("twilio/phones", number="+14155550177")
    await call(console)
    _, page = await console.open()
    assert "<summary>Forget everything" in page
    assert (await console.send("reset"))[0] == 303
    _, page = await console.open()
    assert "No texts yet" in page
    assert "+14155550177" not in page
    assert "Nothing yet." in page
    # By this `up` sees that the business has something to forget as well.
    async with console.http.get("/resets") as answer:
        assert await answer.json() == {"twilio": 1}


@pytest.mark.parametrize(
    "path", ["twilio/texts", "twilio/phones", "twilio/faults", "off/clients", "reset"]
)
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
)
async def test_form_of_another_site_is_refused(
    console: Console, business: BusinessHost, path: str, headers: dict[str, str]
) -> None:
    console.box.faults.webhooks.drop = 7
    form = {"from": CLIENT, "to": OURS, "body": "hi", "number": "+14155550177", "on": "500"}
    async with console.http.post(f"/_console/{path}", data=form, headers=headers) as answer:
        assert answer.status == 422
        assert "another site" in await answer.text()
    assert not business.bodies
    assert console.box.faults.webhooks.drop == 7
    assert console.box.faults.call is None
    assert "+14155550177" not in (await console.open())[1]


async def test_provider_that_is_not_there_is_not_found(console: Console) -> None:
    assert (await console.send("nobody/texts"))[0] == 404


async def test_webhook_that_was_not_taken_is_told(console: Console, business: BusinessHost) -> None:
    business.status = 503
    await console.write("hi")
    _, page = await console.open()
    assert "The business has not taken the last webhook" in page
    assert "HTTP 503" in page
    business.status = 200
    await console.write("again")
    assert "has not taken" not in (await console.open())[1]
    await console.send("twilio/faults", on="dropped")
    await console.write("lost")
    await until(lambda: console.box.sender.deliveries[-1].error == "dropped")
    assert "has not taken" not in (await console.open())[1]


async def test_business_without_a_number_cannot_be_written_to(console: Console) -> None:
    console.box.credentials.pop("TWILIO_PHONE_NUMBER")
    console.box.clear()
    _, page = await console.open()
    assert "has no number of the business yet" in page
    status, page = await console.send("twilio/phones", number=CLIENT)
    assert status == 422
    assert "has no number of the business to write to" in page


async def test_console_without_a_provider_is_a_page_that_says_so() -> None:
    app: web.Application = build_sandbox_app([])
    add_console(app, [], host_url="http://127.0.0.1:9")
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as http,
        http.get(server.make_url("/")) as answer,
    ):
        assert answer.status == 200
        page = await answer.text()
    assert "No provider here has clients who write." in page
    assert "Nothing answers at" in page
