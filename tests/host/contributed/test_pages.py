"""A plugin's pages: its data, our HTML, for who is signed in and has the role."""

from types import ModuleType
from typing import Any, Final

import pytest

from clientflow_core.contributions import pages
from clientflow_core.domain.roles import Role
from clientflow_host.pages import assets
from tests.host.conftest import Host
from tests.host.contributed.conftest import HEAD, jobs
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser, add_user, browser, stranger

__all__ = ["browser", "stranger"]

BODY: Final = (
    HEAD
    + """
EVIL = "<script>alert(1)</script>&'"

async def show(request):
    SEEN.append((request.organization_id, dict(request.query), dict(request.form)))
    fail_if_asked("show")
    return PageContent([
        Heading(f"Heading {EVIL}"),
        Paragraph(f"Paragraph {EVIL}"),
        Table(caption=f"Caption {EVIL}", columns=["a", EVIL], rows=[["1", EVIL]]),
        Table(caption="Empty", columns=["a"], rows=[]),
        Facts([["Name", EVIL]]),
        PageLink(text=EVIL, to="/x/acme/orders?state=open"),
        PageLink(text="Elsewhere", to="https://a.example/"),
        Form(fields=[FormField(name="note", label=EVIL, value=EVIL)], button="Keep"),
    ])

async def keep(request):
    request.enqueue("ship", {"order_id": "o1"})
    if request.form["note"] == "none":
        raise NotFound("there is no such order")
    return PageContent([Paragraph(f"Kept {request.form['note']} of {request.query.get('state')}")])

async def secret(request):
    return PageContent([Paragraph("Only for owners")])

async def junk(request):
    return "<h1>Mine</h1>"

async def dawdle(request):
    await asyncio.sleep(60)

async def ship(context):
    SEEN.append(("ship", context.organization_id))

class Acme(Hooks):
    @hookimpl
    def clientflow_pages(self):
        return [
            PageSpec(path="orders", title="Orders", role="viewer", render=show, submit=keep),
            PageSpec(path="secret", title="Secret", role=Role.OWNER, render=secret),
            PageSpec(path="junk", title="Junk", role="viewer", render=junk),
            PageSpec(path="slow/one", title="Slow", role="viewer", render=dawdle,
                     deadline_seconds=0.05),
        ]

    @hookimpl
    def clientflow_jobs(self):
        return [JobSpec(name="ship", handle=ship)]

plugin = Acme()
"""
)


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return BODY


async def test_everything_on_a_page_is_shown_as_it_is_written(
    browser: Browser, acme: ModuleType
) -> None:
    status, page = await browser.open("/x/acme/orders?state=open&state=more")
    assert status == 200
    assert "<script>alert" not in page
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;"
    for begin in ("<h2>Heading ", "<p>Paragraph ", "<caption>Caption ", "<td>", "<dd>"):
        assert begin + escaped in page
    assert f'value="{escaped}"' in page
    assert '<a href="https://a.example/" rel="noreferrer">Elsewhere</a>' in page
    assert "Nothing here yet." in page
    assert acme.SEEN[0] == (browser.host.ours.id, {"state": "open"}, {})


async def test_page_has_our_layout_policy_and_a_place_in_the_navigation(
    browser: Browser, acme: ModuleType
) -> None:
    async with browser.http.get("/x/acme/orders") as answer:
        policy, page = answer.headers["Content-Security-Policy"], await answer.text()
    assert "script-src 'self'" in policy
    assert '<a href="/x/acme/orders" aria-current="page">Orders</a>' in page
    _, inbox = await browser.open("/inbox")
    assert '<a href="/x/acme/orders">Orders</a>' in inbox
    assert '<a href="/x/acme/secret">Secret</a>' in inbox


async def test_who_is_not_signed_in_is_led_to_the_sign_in(
    stranger: Browser, acme: ModuleType
) -> None:
    assert await stranger.open("/x/acme/orders") == (303, "/sign-in?next=/x/acme/orders")
    assert (await stranger.send("/x/acme/orders", note="a"))[0] == 303
    assert acme.SEEN == []


@pytest.fixture
async def viewer(stranger: Browser) -> Browser:
    """A browser in which somebody is signed in who may only look."""
    email = f"viewer-{EMAIL}"
    add_user(stranger.host, email=email, role=Role.VIEWER)
    assert (await stranger.send("/sign-in", email=email, password=PASSWORD))[0] == 303
    return stranger


async def test_who_lacks_the_role_neither_sees_the_page_nor_a_link_to_it(
    viewer: Browser, acme: ModuleType
) -> None:
    status, page = await viewer.open("/x/acme/orders")
    assert status == 200
    assert "/x/acme/secret" not in page
    assert (await viewer.open("/x/acme/secret"))[0] == 403


async def test_form_is_given_to_the_plugin_and_its_job_is_asked_for(
    browser: Browser, acme: ModuleType
) -> None:
    status, page = await browser.send("/x/acme/orders?state=open", note="<b>five</b>")
    assert (status, "Kept &lt;b&gt;five&lt;/b&gt; of open" in page) == (200, True)
    assert [(lane, kind) for lane, kind, _, _ in jobs(browser.host)] == [
        ("plugin.acme", "acme.ship")
    ]


async def test_what_ends_badly_asks_for_no_job_and_is_told_as_ours_are(
    browser: Browser, acme: ModuleType
) -> None:
    status, page = await browser.send("/x/acme/orders", note="none")
    assert (status, "There is no such order." in page) == (404, True)
    assert jobs(browser.host) == []


async def test_form_from_another_site_is_refused(browser: Browser, acme: ModuleType) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    data = {"note": "a"}
    async with browser.http.post("/x/acme/orders", data=data, headers=headers) as answer:
        assert answer.status == 403
    assert jobs(browser.host) == []


@pytest.mark.parametrize("path", ["orders", "junk", "slow/one"])
async def test_page_that_fails_is_a_page_of_ours_and_the_rest_goes_on(
    path: str, browser: Browser, acme: ModuleType
) -> None:
    acme.FAILING.add("show")
    status, page = await browser.open(f"/x/acme/{path}")
    assert status == 503
    assert "asked to fail" not in page
    assert "Mine" not in page
    assert (await browser.open("/inbox"))[0] == 200


async def test_page_without_a_submit_takes_no_form(browser: Browser, acme: ModuleType) -> None:
    assert (await browser.send("/x/acme/secret", note="a"))[0] == 405


async def test_pages_are_not_in_the_apis_document(host: Host, acme: ModuleType) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    assert not [path for path in document["paths"] if path.startswith("/x/")]


# --- what a page cannot hold


@pytest.mark.parametrize(
    "to", ["javascript:alert(1)", "//evil.example", "/\\evil.example", "http://a.example", "x", ""]
)
def test_link_leads_to_this_host_or_by_https(to: str) -> None:
    with pytest.raises(ValueError, match="to"):
        pages.PageLink(text="There", to=to)


def test_what_is_no_text_or_too_much_is_refused() -> None:
    wrong: Any = 7
    with pytest.raises(TypeError):
        pages.Paragraph(wrong)
    with pytest.raises(TypeError, match="rows"):
        pages.Table(caption="A", columns=["a"], rows=[[wrong]])
    with pytest.raises(ValueError, match="must have 1 cells"):
        pages.Table(caption="A", columns=["a"], rows=[["b", "c"]])
    with pytest.raises(ValueError, match="rows"):
        pages.Table(caption="A", columns=["a"], rows=[["b"]] * 501)
    with pytest.raises(ValueError, match="a name and a text"):
        pages.Facts([["a"]])
    with pytest.raises(TypeError):
        pages.PageContent([wrong])
    with pytest.raises(ValueError, match="blocks"):
        pages.PageContent([pages.Heading("A")] * 101)


def test_template_knows_every_block() -> None:
    kinds = {block.kind for block in pages.PageBlock.__args__}
    template = (assets.STATIC.parent / "templates" / "plugin_page.html").read_text()
    assert all(f"block.kind == '{kind}'" in template for kind in kinds)
