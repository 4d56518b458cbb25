import datetime as dt
import html.parser
from urllib.parse import urljoin

import aiohttp
from aiohttp.test_utils import TestServer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from clientflow_core.sandbox import Bubble, Phone, ProviderSandbox, render_phones
from clientflow_core.sandbox.console import MOST_BUBBLES, MOST_PHONES, render_page
from tests.core.sandbox.conftest import CLIENT, OURS, Control, Host, ToySandbox

NOW = dt.datetime(2026, 11, 24, 9, 30, 5, tzinfo=dt.UTC)
# What HTML cannot hold as it is: NUL, carriage return (read as newline) and lone surrogates.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


class Page(html.parser.HTMLParser):
    """Reads a page as a browser would: the elements, and the words of each paragraph."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of every element *tag*."""
        return [found for name, found in self.elements if name == tag]


async def get_page(control: Control, server: TestServer, query: str = "") -> Page:
    async with control.http.get(server.make_url(f"/{query}")) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        return Page(await answer.text())


async def test_policy_allows_no_script_and_nothing_from_elsewhere(
    control: Control, server: TestServer
) -> None:
    async with control.http.get(server.make_url("/")) as answer:
        headers = answer.headers
    directives = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert directives == {
        "default-src": "'none'",
        "style-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


async def test_page_loads_nothing_but_its_style_sheet(control: Control, server: TestServer) -> None:
    await control.post("inbound", body="hi")
    page = await get_page(control, server)
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "iframe", "style", "object", "video"}
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert not [found for _, found in page.elements if "style" in found]
    (link,) = page.all("link")
    async with control.http.get(server.make_url(f"/{link['href']}")) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/css"
        assert answer.charset == "utf-8"
        assert "url(" not in await answer.text()
    async with control.http.get(server.make_url("/favicon.ico")) as answer:
        assert answer.status == 204


async def test_page_without_texts_has_the_form_and_says_so(
    control: Control, server: TestServer
) -> None:
    page = await get_page(control, server)
    assert "No texts yet." in page.words
    assert not page.all("article")
    (sender,) = page.all("input")
    assert sender["name"] == "from"
    assert sender["value"] == "+15550100123"
    assert OURS in page.words


async def test_page_without_sandboxes_is_a_page() -> None:
    assert Page(render_page([], is_refreshing=False)).all("main")


async def test_form_sends_a_text_and_leads_back_to_the_page(
    control: Control, server: TestServer, host: Host
) -> None:
    page = await get_page(control, server)
    (form,) = page.all("form")
    here = str(server.make_url("/"))
    target = urljoin(here, form["action"])
    assert form["method"] == "post"
    filled = {"from": CLIENT, "to": OURS, "body": "Hello\r\nthere"}
    async with control.http.post(target, data=filled, allow_redirects=False) as answer:
        assert answer.status == 303
        assert urljoin(target, answer.headers["Location"]) == here
    assert host.words == ["Hello\r\nthere"]
    async with control.http.post(target, data=filled) as answer:
        shown = Page(await answer.text())
    assert "received" in shown.words
    assert "No texts yet." not in shown.words


def test_form_works_below_a_prefix_too() -> None:
    (form,) = Page(render_phones("toy", [], numbers=[OURS])).all("form")
    target = urljoin("https://x.example/sandbox/", form["action"])
    assert target == "https://x.example/sandbox/toy/_control/inbound"
    assert urljoin(target, "../../") == "https://x.example/sandbox/"


async def test_page_says_if_the_last_webhook_was_not_accepted(
    control: Control, server: TestServer, box: ToySandbox, host: Host, unused_tcp_port: int
) -> None:
    async def trouble() -> list[str]:
        page = await get_page(control, server)
        return [word for word in page.words if word.startswith("The last webhook")]

    assert await trouble() == []
    host.status = 403
    await control.post("inbound", body="hi")
    assert await trouble() == [f"The last webhook was not accepted: HTTP 403 from {host.url}/hook"]
    box.hook_url = f"http://127.0.0.1:{unused_tcp_port}/<b>"
    await control.post("inbound", body="hi")
    assert await trouble() == [
        f"The last webhook was not accepted: ClientConnectorError from {box.hook_url}"
    ]
    box.hook_url, host.status = None, 200
    await control.post("inbound", body="hi")
    assert await trouble() == []


async def test_refresh_is_a_switch(control: Control, server: TestServer) -> None:
    def refreshes(page: Page) -> list[str | None]:
        return [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]

    still = await get_page(control, server)
    assert refreshes(still) == []
    assert {"./", "./?refresh=1"} <= {link["href"] for link in still.all("a")}
    running = await get_page(control, server, "?refresh=1")
    assert refreshes(running) == ["5"]
    assert "./?refresh=1" not in {link["href"] for link in running.all("a")}
    assert "Stop refreshing" in running.words


async def test_text_of_a_stranger_is_only_ever_shown(control: Control, server: TestServer) -> None:
    await control.post("inbound", body=HOSTILE, **{"from": HOSTILE})
    page = await get_page(control, server)
    assert HOSTILE in page.words
    assert not page.all("script")
    assert not page.all("img")
    assert page.all("input")[0]["value"] == HOSTILE


async def test_title_of_a_sandbox_is_escaped(control: Control, server: TestServer) -> None:
    page = await get_page(control, server)
    assert "Toys & <Sons>" in page.words
    assert not page.all("sons")


async def test_link_leads_to_the_state(control: Control, server: TestServer) -> None:
    page = await get_page(control, server)
    (link,) = [a["href"] for a in page.all("a") if str(a["href"]).endswith("state")]
    async with control.http.get(server.make_url(f"/{link}")) as answer:
        assert answer.status == 200


async def test_nul_in_a_text_does_not_break_the_page(control: Control, server: TestServer) -> None:
    await control.post("inbound", body="a\0b")
    assert (await get_page(control, server)).all("article")


@settings(deadline=None)
@example(body=HOSTILE, client=HOSTILE, business=HOSTILE, note=HOSTILE, number=HOSTILE)
@given(body=TEXTS, client=TEXTS, business=TEXTS, note=TEXTS, number=TEXTS)
def test_every_word_comes_out_as_it_went_in(
    body: str, client: str, business: str, note: str, number: str
) -> None:
    bubbles = [Bubble(is_from_client=False, body=body, at=NOW, note=note)]
    phones = [Phone(client=client, business=business, bubbles=bubbles)]
    page = Page(render_phones("toy", phones, numbers=[number]))
    empty = Page(
        render_phones("toy", [Phone(client="", business="", bubbles=bubbles)], numbers=[""])
    )
    assert [name for name, _ in page.elements] == [name for name, _ in empty.elements]
    shown = "".join(page.words)
    assert f"Business: {body}" in shown
    assert f"{client}with {business}" in shown
    assert f" · {note}" in shown
    assert f"To {number}" in shown
    assert page.all("input")[0]["value"] == client
    assert page.all("div")[1]["aria-label"] == f"Texts of {client} with {business}"


def test_sides_times_and_failures_are_told_apart() -> None:
    bubbles = [
        Bubble(is_from_client=True, body="hi", at=NOW, note="received"),
        Bubble(is_from_client=False, body="hello", at=NOW, note="delivered"),
        Bubble(is_from_client=False, body="lost", at=NOW, note="undelivered", is_failed=True),
    ]
    page = Page(
        render_phones("toy", [Phone(client=CLIENT, business=OURS, bubbles=bubbles)], numbers=[])
    )
    assert [item["class"] for item in page.all("li")] == ["client", "business", "business failed"]
    assert [word for word in page.words if word.endswith(": ")] == [
        "Client: ",
        "Business: ",
        "Business: ",
    ]
    assert page.all("time")[0]["datetime"] == "2026-11-24T09:30:05+00:00"
    assert "09:30:05" in page.words


def test_newest_phones_and_texts_are_shown_and_the_rest_counted() -> None:
    bubbles = [
        Bubble(is_from_client=True, body=f"text {number}", at=NOW, note="")
        for number in range(MOST_BUBBLES + 3)
    ]
    phones = [
        Phone(client=f"+1555010{number:04d}", business=OURS, bubbles=bubbles)
        for number in range(MOST_PHONES + 2)
    ]
    page = Page(render_phones("toy", phones, numbers=[OURS]))
    assert len(page.all("article")) == MOST_PHONES
    assert len(page.all("li")) == MOST_PHONES * MOST_BUBBLES
    assert phones[0].client in page.words
    assert phones[-1].client not in page.words
    assert f"text {MOST_BUBBLES + 2}" in page.words
    assert "text 2" not in page.words
    assert "3 older texts are not shown." in page.words
    assert "2 older telephones are not shown." in page.words


class Bare(ToySandbox):
    """One that has nothing to show."""

    panel = ProviderSandbox.panel


def test_sandbox_without_a_panel_still_has_its_link(box: ToySandbox) -> None:
    bare = Bare(base_url=box.base_url, host_url=box.host_url, credentials=box.credentials)
    page = Page(render_page([bare], is_refreshing=False))
    assert not page.all("form")
    assert "Everything it holds" in page.words


async def test_lists_nothing_of_other_sandboxes(
    control: Control, box: ToySandbox, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{control.base_url.removesuffix('toy')}other/_control/state") as answer:
        assert answer.status == 404
