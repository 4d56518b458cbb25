"""``/api/v1/…/drafts`` over HTTP, with an assistant that asks nobody."""

from typing import Any

import pytest

from tests.host.conftest import Host, until
from tests.host.routes.paging import walk

pytestmark = pytest.mark.parametrize(
    "values", [{"LOCAL_ASSISTANT_BUSINESS": "Salon Ada"}], indirect=True, ids=["local"]
)


async def drafted(host: Host, draft_id: str) -> Any:
    """Wait for a draft, and give it."""

    async def look() -> Any:
        draft = await host.get(f"/drafts/{draft_id}")
        return draft if draft["state"] != "asked" else None

    return await until(look)


async def test_a_draft_is_asked_for_read_and_discarded(host: Host, worker: None) -> None:
    conversation = await host.conversation("What does it cost?")
    path = f"/conversations/{conversation['id']}/drafts"
    answer = await host.post(path, None)
    assert (answer.status, answer.body["state"]) == (202, "asked")
    draft = await drafted(host, answer.body["id"])
    assert "“What does it cost?”" in draft["text"]
    assert (draft["provider"], draft["model"], draft["cost_usd"]) == (
        "local_assistant",
        "rules-1",
        "0",
    )
    assert draft["is_outdated"] is False
    assert (await host.post(path, None)).body == draft
    assert (await host.get(path))["data"] == [draft]

    gone = await host.post(f"/drafts/{draft['id']}/discard", None)
    assert (gone.status, gone.body["state"]) == (200, "discarded")
    assert (await host.post(f"/drafts/{draft['id']}/discard", None)).body == gone.body


async def test_what_was_sent_cannot_be_discarded(host: Host, worker: None) -> None:
    conversation = await host.conversation()
    asked = await host.post(f"/conversations/{conversation['id']}/drafts", None)
    host.rows("UPDATE assistant_drafts SET state = 'used'")
    answer = await host.post(f"/drafts/{asked.body['id']}/discard", None)
    assert (answer.status, answer.code) == (409, "conflict")


async def test_a_long_list_is_read_in_pages(host: Host, worker: None) -> None:
    conversation = await host.conversation()
    host.rows(
        "INSERT INTO assistant_drafts (organization_id, id, conversation_id, based_on_message_id,"
        " provider, prompt_version, state) SELECT organization_id, gen_random_uuid(),"
        " conversation_id, id, 'local_assistant', n::text, 'failed' FROM messages,"
        " generate_series(1, 5) n"
    )
    ids = await walk(host, f"/conversations/{conversation['id']}/drafts", limit=2)
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)


async def test_without_an_assistant_there_is_no_draft(
    host: Host, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await host.conversation()
    monkeypatch.setattr(host.assembly.registry, "providers", {})
    answer = await host.post(f"/conversations/{conversation['id']}/drafts", None)
    assert (answer.status, answer.code) == (409, "conflict")
    assert "no assistant" in answer.body["detail"]
