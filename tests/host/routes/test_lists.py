"""What every list has in common: limit, cursor, and nothing else."""

import pytest

from tests.host.conftest import Host
from tests.host.threads import add_conversations, add_messages

PREFIXES = {"/contacts": "con", "/conversations": "cnv", "/conversations/{}/messages": "msg"}
LISTS = list(PREFIXES)


def place(host: Host, path: str) -> str:
    """Give the path of a list that is there."""
    if "{}" not in path:
        return f"/api/v1{path}"
    (conversation_id,) = add_conversations(host, host.ours, 1)
    return f"/api/v1{path.format(conversation_id)}"


@pytest.mark.parametrize("path", LISTS)
async def test_limit_is_1_to_100(host: Host, path: str) -> None:
    path = place(host, path)
    for limit in ("1", "100"):
        assert (await host.call("GET", f"{path}?limit={limit}")).status == 200
    for limit in (
        "0",
        "101",
        "-1",
        "1.5",
        "",
        "x",
        "+5",
        "%205",
        "1e1",
        "٣",
        "9" * 30,
        "5&limit=6",
    ):
        answer = await host.call("GET", f"{path}?limit={limit}")
        assert (answer.status, answer.code, answer.pointers) == (422, "invalid_input", ["limit"])


@pytest.mark.parametrize("path", LISTS)
async def test_parameter_that_nobody_knows_is_refused(host: Host, path: str) -> None:
    path = place(host, path)
    for name in ("page", "Limit", "limit[]", "ending_before", "%FF", ""):
        answer = await host.call("GET", f"{path}?{name}=1")
        assert (answer.status, answer.code) == (422, "invalid_input")


@pytest.mark.parametrize("path", LISTS)
async def test_cursor_that_is_none_is_refused(host: Host, path: str) -> None:
    prefix, path = PREFIXES[path], place(host, path)
    digits = "0" * 32
    malformed = ("", "x", "{id}", "%00", "{prefix}_", "{prefix}_{id}0", "{prefix}_{id}%0A")
    others = (f"org_{digits}", f"{prefix}_{'A' * 32}", f"{prefix}_{'0' * 31}%00")
    for template in (*malformed, *others):
        cursor = template.format(prefix=prefix, id=digits)
        answer = await host.call("GET", f"{path}?starting_after={cursor}")
        assert (answer.status, answer.pointers) == (422, ["starting_after"])


async def test_cursor_whose_place_is_none_is_refused(host: Host) -> None:
    for place in ("-", "-x", "-1.5", "--1", "-1-1", f"-{'9' * 18}", "_1", "-%D9%A1"):
        cursor = f"cnv_{'0' * 32}{place}"
        answer = await host.call("GET", f"/api/v1/conversations?starting_after={cursor}")
        assert (answer.status, answer.pointers) == (422, ["starting_after"]), place


async def test_place_that_nobody_gave_out_is_a_place_all_the_same(host: Host) -> None:
    add_conversations(host, host.ours, 3)
    for microseconds, found in ((0, 0), (10**17 - 1, 3)):
        cursor = f"cnv_{'f' * 32}-{microseconds}"
        listed = await host.get("/conversations", starting_after=cursor)
        assert len(listed["data"]) == found


@pytest.mark.parametrize("path", LISTS)
async def test_cursor_that_names_nothing_is_not_found(host: Host, path: str) -> None:
    prefix, path = PREFIXES[path], place(host, path)
    answer = await host.call("GET", f"{path}?starting_after={prefix}_{'f' * 32}")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", LISTS)
async def test_cursor_of_another_organization_is_not_found(host: Host, path: str) -> None:
    theirs = host.add_organization()
    (conversation_id,) = add_conversations(host, theirs, 1)
    add_messages(host, conversation_id, 1)
    (one,) = (await host.get(path.format(conversation_id), by=theirs))["data"]
    answer = await host.call("GET", f"{place(host, path)}?starting_after={one['id']}")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_cursor_of_another_conversation_is_not_found(host: Host) -> None:
    first, second = add_conversations(host, host.ours, 2)
    add_messages(host, second, 1)
    (message,) = (await host.get(f"/conversations/{second}/messages"))["data"]
    path = f"/api/v1/conversations/{first}/messages?starting_after={message['id']}"
    answer = await host.call("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", ["/contacts", "/conversations"])
async def test_page_behind_the_last_one_is_empty(host: Host, path: str) -> None:
    add_conversations(host, host.ours, 3)
    listed = await host.get(path, limit=3)
    assert (len(listed["data"]), listed["has_more"]) == (3, False)
    rest = await host.get(path, limit=3, starting_after=listed["data"][-1]["id"])
    assert (rest["data"], rest["has_more"]) == ([], False)
