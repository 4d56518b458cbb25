"""Events that are handled again by an operator's wish."""

import pytest

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import ReplayOutcome
from clientflow_core.domain.jobs import INBOUND
from clientflow_core.persistence.repositories.inbound_events import replay_inbound_events
from tests.conftest import add_business
from tests.core.services.conftest import Stage
from tests.texts import OTHER_NUMBER, text


async def replay(stage: Stage) -> list[ReplayOutcome]:
    """Have every event handled again, and do the jobs."""
    ids = [event_id for (event_id,) in stage.rows("SELECT id FROM inbound_events ORDER BY id")]
    async with stage.database.system() as transaction:
        outcomes = await replay_inbound_events(transaction, ids)
    await stage.do_jobs(INBOUND)
    return [outcomes[event_id] for event_id in ids]


def states(stage: Stage) -> list[str]:
    return [state for (state,) in stage.rows("SELECT state FROM inbound_events ORDER BY id")]


async def test_text_that_was_given_up_is_handled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read("handle_inbound_event.read=raise"))
        await stage.webhook(text("Hello?"))
        stage.rows("UPDATE jobs SET attempts = 13")
        await stage.do_jobs(INBOUND)
    assert states(stage) == ["failed"]
    assert await replay(stage) == [ReplayOutcome.QUEUED]
    assert states(stage) == ["done"]
    assert (stage.count("messages"), stage.count("jobs")) == (1, 0)


async def test_text_that_is_there_already_is_not_doubled(stage: Stage) -> None:
    await stage.webhook(text("Hello?"))
    # As where the note of what became of it was lost.
    stage.rows("UPDATE inbound_events SET state = 'failed', reason = 'forgotten'")
    assert await replay(stage) == [ReplayOutcome.QUEUED]
    assert states(stage) == ["done"]
    assert (stage.count("messages"), stage.count("stream_events")) == (1, 1)


async def test_text_that_was_handled_is_left_alone(stage: Stage) -> None:
    await stage.webhook(text("Hello?"))
    [before] = stage.rows("SELECT state, handled_at FROM inbound_events")
    assert await replay(stage) == [ReplayOutcome.DONE]
    assert stage.rows("SELECT state, handled_at FROM inbound_events") == [before]
    assert (stage.count("messages"), stage.count("stream_events")) == (1, 1)


async def test_text_to_nobody_is_handled_once_there_is_somebody(stage: Stage) -> None:
    await stage.webhook(text(To=OTHER_NUMBER))
    assert states(stage) == ["ignored"]
    add_business(stage.addresses, address=OTHER_NUMBER)
    assert await replay(stage) == [ReplayOutcome.QUEUED]
    assert states(stage) == ["done"]
    assert stage.count("messages") == 1
