"""A flood of one organization's jobs, and one of another's that comes behind it."""

import uuid

import pytest

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import Handler
from clientflow_core.jobs.turns import Turns
from tests.core.jobs.conftest import LANE, NOTE, NOTE_IN_STEPS, Runners, Table, until

FLOOD, OTHER = (uuid.UUID(int=number) for number in (1, 2))


@pytest.mark.parametrize(("slots", "handler"), [(50, NOTE), (4, NOTE_IN_STEPS)])
async def test_who_comes_behind_a_flood_is_served_among_the_first(
    runners: Runners, table: Table, slots: int, handler: Handler
) -> None:
    table.add(organization_id=FLOOD, count=1_000)
    (late,) = table.add(organization_id=OTHER)

    await runners.start({"note": handler}, slots=slots)
    await until(lambda: late in table.effects())
    for runner in runners.started:
        await runner.stop(grace_seconds=5)

    # One claim by age, one in turn, and what was claimed meanwhile.
    ((place,),) = table.query(
        "SELECT count(*) FROM effects WHERE ctid < (SELECT ctid FROM effects WHERE job_id = %s)",
        late,
    )
    assert place <= 5 * slots


def job(organization_id: uuid.UUID) -> Job:
    return Job(
        id=1,
        lane=LANE,
        kind="note",
        organization_id=organization_id,
        args={},
        attempts=1,
        max_attempts=14,
        claimed_by=1,
    )


def test_what_an_organization_has_had_is_counted_up_to_its_credit() -> None:
    turns = Turns()
    for _ in range(12):
        turns.note_by_age([job(FLOOD)] * 50, is_full=True)
    turns.note_in_turn([job(OTHER)], after=None, is_lonely=False)
    assert turns.had == {FLOOD: 500, OTHER: 1}


def test_no_more_organizations_are_remembered_than_there_is_room_for() -> None:
    turns = Turns()
    for number in range(1, 3_000):
        turns.note_in_turn([job(uuid.UUID(int=number))], after=None, is_lonely=False)
    assert len(turns.had) <= 1_001
