"""Whether the business is there, and whether it may be shown beside the telephones."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from clientflow_host.sandbox_console.business import Reach, find_business
from tests.host.sandbox_console.conftest import BusinessHost, Console

CONSOLE = URL("http://127.0.0.1:8090/")


@pytest.fixture
def answers(business: BusinessHost) -> BusinessHost:
    business.frame_ancestors = "http://127.0.0.1:8090"
    return business


async def reach(host_url: str, console: URL = CONSOLE) -> Reach:
    async with aiohttp.ClientSession() as http:
        return (await find_business(http, host_url, console=console)).reach


async def test_is_framed_where_it_allows_just_this_console(answers: BusinessHost) -> None:
    assert await reach(answers.url) is Reach.FRAMED
    assert await reach(answers.url, URL("http://127.0.0.1:8091/")) is Reach.LINKED
    answers.frame_ancestors = "'none'"
    assert await reach(answers.url) is Reach.LINKED


async def test_is_named_as_the_browser_names_this_machine(answers: BusinessHost) -> None:
    answers.frame_ancestors = "http://laptop.example:8090"
    async with aiohttp.ClientSession() as http:
        found = await find_business(http, answers.url, console=URL("http://laptop.example:8090/"))
    assert found.url == answers.url.replace("127.0.0.1", "laptop.example")
    assert found.origin == found.url
    assert found.reach is Reach.FRAMED


async def test_other_site_is_linked_since_no_session_would_be_seen(answers: BusinessHost) -> None:
    url = answers.url.replace("127.0.0.1", "localhost")
    answers.frame_ancestors = "http://127.0.0.1:8090"
    async with aiohttp.ClientSession() as http:
        found = await find_business(http, url, console=CONSOLE)
    # One and the same machine: the name is changed, so that it becomes one site.
    assert found.reach is Reach.FRAMED


async def test_is_away_where_nothing_answers(unused_tcp_port: int) -> None:
    assert await reach(f"http://127.0.0.1:{unused_tcp_port}") is Reach.AWAY


async def test_is_foreign_where_something_else_answers() -> None:
    async with TestServer(web.Application()) as server:
        assert await reach(str(server.make_url("")).rstrip("/")) is Reach.FOREIGN


@pytest.mark.parametrize(
    ("ancestors", "shown"),
    [("'none'", "The inbox is in a window of its own"), (None, "<iframe")],
)
async def test_page_shows_what_can_be_done(
    console: Console, business: BusinessHost, ancestors: str | None, shown: str
) -> None:
    business.frame_ancestors = ancestors or business.frame_ancestors
    for path in ("/", "/_console/business"):
        status, page = await console.open(path)
        assert status == 200
        assert shown in page
