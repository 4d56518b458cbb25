"""Contacts: the list, the search, and one of them."""

import pytest

from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

PEOPLE = {
    "Ada Lovelace": "+14155550111",
    "Grace Brewster Hopper": "+14155550122",
    "Ada van Dyke": "+493012345678",
}


@pytest.fixture
async def people(host: Host) -> None:
    """Three contacts."""
    for name, phone in PEOPLE.items():
        assert (await host.post("/contacts", {"name": name, "phone": phone})).status == 201


async def test_without_contacts_the_page_says_where_they_come_from(browser: Browser) -> None:
    status, page = await browser.open("/contacts")
    assert status == 200
    assert "No contact yet" in page


@pytest.mark.parametrize(
    ("looked_for", "found"),
    [
        ("", set(PEOPLE)),
        ("ada", {"Ada Lovelace", "Ada van Dyke"}),
        ("LOVE ad", {"Ada Lovelace"}),
        ("dyke", {"Ada van Dyke"}),
        ("lace", set()),
        ("+1 (415) 555", {"Ada Lovelace", "Grace Brewster Hopper"}),
        ("0122", {"Grace Brewster Hopper"}),
        ("49 30", {"Ada van Dyke"}),
        ("5555", set()),
        ("%", set()),
        ("' OR 1=1 --", set()),
        ("a & b | !", set()),
        ("nobody", set()),
    ],
)
async def test_contacts_are_found_by_words_and_numbers(
    browser: Browser, people: None, looked_for: str, found: set[str]
) -> None:
    status, page = await browser.open("/contacts", params={"q": looked_for})
    assert status == 200
    assert {name for name in PEOPLE if f"<b>{name}</b>" in page} == found
    assert ("Nobody fits" in page) == (not found)


async def test_another_organizations_contacts_are_never_found(
    browser: Browser, host: Host, people: None
) -> None:
    theirs = host.add_organization()
    body = {"name": "Ada of theirs", "phone": "+14155550111"}
    assert (await host.post("/contacts", body, by=theirs)).status == 201
    for looked_for in ("ada", "0111", ""):
        _, page = await browser.open("/contacts", params={"q": looked_for})
        assert "of theirs" not in page


async def test_a_contact_is_shown_with_its_conversations(
    browser: Browser, host: Host, worker: None
) -> None:
    conversation = await host.conversation("Hello from me")
    status, page = await browser.open(f"/contacts/{conversation['contact_id']}")
    assert status == 200
    assert conversation["address"] in page
    assert f'href="/inbox/{conversation["id"]}"' in page
    assert "Hello from me" in page


async def test_a_contact_that_never_wrote_has_no_conversation(
    browser: Browser, host: Host, people: None
) -> None:
    (contact, *_) = (await host.get("/contacts"))["data"]
    _, page = await browser.open(f"/contacts/{contact['id']}")
    assert "No conversation yet" in page


async def test_many_contacts_are_read_in_pages(browser: Browser, host: Host) -> None:
    host.rows(
        "INSERT INTO contacts (organization_id, id, name)"
        " SELECT %s, gen_random_uuid(), 'Bob ' || n FROM generate_series(1, 60) n",
        host.ours.id,
    )
    _, page = await browser.open("/contacts")
    assert page.count('class="row"') == 50
    rest = page.partition('href="/contacts?starting_after=')[2].partition('"')[0]
    _, page = await browser.open(f"/contacts?starting_after={rest}")
    assert page.count('class="row"') == 10
    assert "Newest contacts" in page
    _, page = await browser.open("/contacts?q=bob")
    assert "There are more" in page
