"""Who has ten thousand jobs keeps nobody else waiting: by the order in which jobs are claimed."""

import uuid
from collections import Counter

import attrs
import pytest

from clientflow_core.jobs.turns import Turns
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.job_turns import claim_in_turn
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.databases import Addresses

LANE = "tests"
FLOOD, OTHER = (uuid.UUID(int=number) for number in (1, 2))


@attrs.frozen
class Crowd:
    """Jobs of several organizations, claimed as the worker does it."""

    database: Database
    addresses: Addresses
    turns: Turns = attrs.field(factory=Turns)

    def add(self, organization_id: uuid.UUID | None, count: int = 1, *, due_in: int = 0) -> None:
        with self.addresses.connect() as connection:
            connection.execute(
                "INSERT INTO jobs (lane, kind, organization_id, args, run_at)"
                " SELECT %s, 'x', %s, '{}', now() + make_interval(secs => %s)"
                " FROM generate_series(1, %s)",
                (LANE, organization_id, due_in, count),
            )

    async def in_turn(self, most: int) -> Counter[uuid.UUID | None]:
        async with self.database.system() as transaction:
            found = await claim_in_turn(
                transaction,
                lane=LANE,
                worker=1,
                most=most,
                had=self.turns.had,
                after=self.turns.after,
            )
        self.turns.note_in_turn(found.jobs, after=found.after, is_lonely=found.is_lonely)
        return Counter(job.organization_id for job in found.jobs)

    async def by_age(self, most: int) -> Counter[uuid.UUID | None]:
        async with self.database.system() as transaction:
            claimed = await claim_jobs(transaction, lane=LANE, worker=1, most=most)
        self.turns.note_by_age(claimed, is_full=len(claimed) == most)
        return Counter(job.organization_id for job in claimed)


@pytest.fixture
def crowd(database: Database, addresses: Addresses) -> Crowd:
    return Crowd(database, addresses)


async def test_who_comes_into_a_flood_is_next_and_waits_for_none_of_it(crowd: Crowd) -> None:
    crowd.add(FLOOD, 10_000)
    assert await crowd.by_age(50) == {FLOOD: 50}
    crowd.add(OTHER, 60)
    assert await crowd.in_turn(50) == {OTHER: 50}
    # Now each has had fifty.
    assert await crowd.in_turn(50) == {OTHER: 10, FLOOD: 40}
    assert await crowd.in_turn(50) == {FLOOD: 50}


async def test_one_place_that_is_free_goes_to_one_after_the_other(crowd: Crowd) -> None:
    crowd.add(FLOOD, 20)
    crowd.add(OTHER, 20)
    served = [next(iter(await crowd.in_turn(1))) for _ in range(6)]
    assert served == [FLOOD, OTHER] * 3


async def test_more_organizations_than_are_looked_at_at_once_have_their_turns(crowd: Crowd) -> None:
    for number in range(1, 151):
        crowd.add(uuid.UUID(int=number), 2)
    served: Counter[uuid.UUID | None] = Counter()
    for _ in range(3):
        served += await crowd.in_turn(64)
    assert len(served) == 150


async def test_what_is_not_due_has_no_turn_and_stops_nobody(crowd: Crowd) -> None:
    for number in range(100, 200):
        crowd.add(uuid.UUID(int=number), due_in=3_600)
    crowd.add(uuid.UUID(int=999), 1)
    assert await crowd.in_turn(10) == {}
    assert await crowd.in_turn(10) == {uuid.UUID(int=999): 1}


async def test_jobs_of_no_organization_are_claimed_by_age_every_ninth_time(crowd: Crowd) -> None:
    crowd.add(None, 1)
    crowd.add(FLOOD, 1_000)
    crowd.add(OTHER, 1_000)
    crowd.turns.note_by_age([], is_full=True)
    for _ in range(8):
        assert crowd.turns.are_next
        assert None not in await crowd.in_turn(10)
    assert not crowd.turns.are_next
    assert None in await crowd.by_age(10)


async def test_in_a_flood_alone_every_fourth_claim_looks_for_others(crowd: Crowd) -> None:
    crowd.add(FLOOD, 1_000)
    crowd.turns.note_by_age([], is_full=True)
    were_next = []
    for _ in range(8):
        were_next.append(crowd.turns.are_next)
        await (crowd.in_turn(10) if crowd.turns.are_next else crowd.by_age(10))
    assert were_next == [True, False, False, False] * 2


async def test_without_a_crowd_nothing_is_claimed_in_turn_and_nothing_remembered(
    crowd: Crowd,
) -> None:
    crowd.add(FLOOD, 60)
    await crowd.by_age(50)
    assert crowd.turns.had == {FLOOD: 50}
    await crowd.by_age(50)
    assert crowd.turns.had == {}
    assert not crowd.turns.are_next


async def test_two_workers_at_once_claim_each_job_once(crowd: Crowd) -> None:
    crowd.add(FLOOD, 30)
    async with crowd.database.system() as one, crowd.database.system() as other:
        claims = [
            await claim_in_turn(each, lane=LANE, worker=worker, most=20, had={}, after=None)
            for worker, each in enumerate((one, other), start=1)
        ]
    ids = [job.id for claim in claims for job in claim.jobs]
    assert len(ids) == len(set(ids)) == 20
    assert await crowd.by_age(50) == {FLOOD: 10}
