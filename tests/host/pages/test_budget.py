"""A budget that is used up: whoever asks for a draft is told so, by the API and by the page."""

import pytest

from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

VALUES = {
    "OPENAI_API_KEY": "sk-proj-x",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_MONTHLY_BUDGET": "5",
}


@pytest.mark.parametrize("values", [VALUES], indirect=True, ids=["openai"])
async def test_budget_that_is_used_up_is_told(browser: Browser, host: Host, worker: None) -> None:
    conversation = await host.conversation("Is Thursday free?")
    host.rows(
        "INSERT INTO assistant_drafts (organization_id, id, conversation_id, based_on_message_id,"
        " provider, prompt_version, state, cost_usd) SELECT organization_id, gen_random_uuid(),"
        " conversation_id, id, 'openai', 'old', 'used', 5 FROM messages"
    )
    answer = await host.post(f"/conversations/{conversation['id']}/drafts", None)
    assert (answer.status, answer.code) == (409, "budget_reached")
    assert "5 US dollars a month" in answer.body["detail"]
    status, page = await browser.send(f"/inbox/{conversation['id']}/draft")
    assert (status, "The budget of 5 US dollars a month" in page) == (409, True)
    assert host.count("assistant_drafts") == 1
