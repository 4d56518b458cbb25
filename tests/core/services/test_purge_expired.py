import uuid
from functools import partial
from typing import Any, Final

import attrs
import pytest

from clientflow_core.domain.jobs import LANES
from clientflow_core.errors import SettingsError
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob
from clientflow_core.jobs.schedules import tick
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import claim_jobs, enqueue
from clientflow_core.services import purge_expired as purge_module
from clientflow_core.services.purge_expired import PURGE_EXPIRED, purge_expired
from clientflow_core.settings import load_settings
from clientflow_host.retention_settings import RetentionSettings
from tests.conftest import Business, add_business
from tests.databases import Addresses


@attrs.frozen
class Kept:
    """Rows of different ages, of two organizations, in the tables that are purged."""

    addresses: Addresses

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.addresses.connect() as connection:
            cursor = connection.execute(statement.encode(), list(values))
            return cursor.fetchall() if cursor.description else []

    def add(self, business: Business, age: str, key: str) -> None:
        self.query(
            "INSERT INTO idempotency_keys"
            " (organization_id, route, key, request_hash, status, body, created_at)"
            " VALUES (%s, 'r', %s, '', 200, '', now() - %s::interval)",
            *(business.organization_id, key, age),
        )
        self.query(
            "INSERT INTO stream_events (organization_id, kind, subject_id, created_at)"
            " VALUES (%s, %s, gen_random_uuid(), now() - %s::interval)",
            *(business.organization_id, key, age),
        )

    def keys(self) -> list[str]:
        return [row[0] for row in self.query("SELECT key FROM idempotency_keys ORDER BY key")]

    def news(self) -> list[str]:
        return [row[0] for row in self.query("SELECT kind FROM stream_events ORDER BY kind")]


@pytest.fixture
def kept(addresses: Addresses) -> Kept:
    return Kept(addresses)


async def run(database: Database) -> int:
    """Run the purges that are asked for; give how many there were."""
    async with database.system() as transaction:
        claimed = await claim_jobs(transaction, lane=PURGE_EXPIRED.lane, worker=1, most=9)
    handle = partial(purge_expired, periods=RetentionSettings().periods)
    execution = Execution(database, {PURGE_EXPIRED.kind: DatabaseJob(handle=handle)})
    for group in execution.divide(claimed):
        await execution.run(group)
    return len(claimed)


async def test_what_has_expired_goes_and_the_rest_stays(
    database: Database, kept: Kept, business: Business, addresses: Addresses
) -> None:
    other = add_business(addresses, address="+14155550199")
    for organization in (business, other):
        name = organization.address
        kept.add(organization, "49 hours", f"{name} old")
        kept.add(organization, "47 hours", f"{name} hours old")
        kept.add(organization, "61 minutes", f"{name} an hour old")
        kept.add(organization, "59 minutes", f"{name} new")
    kept.query(
        "INSERT INTO heartbeats (process, kind, release, seen_at)"
        " VALUES ('old', 'w', '', now() - interval '25 h'), ('new', 'w', '', now())"
    )

    await tick(database, [PURGE_EXPIRED])
    assert await run(database) == 1

    names = ("+14155550100", "+14155550199")
    assert kept.keys() == [
        f"{name} {age}" for name in names for age in ("an hour old", "hours old", "new")
    ]
    assert kept.news() == [f"{name} new" for name in names]
    assert kept.query("SELECT process FROM heartbeats") == [("new",)]
    assert kept.query("SELECT count(*) FROM jobs") == [(0,)]


async def test_newest_slot_of_a_schedule_stays_however_old_it_is(
    database: Database, kept: Kept
) -> None:
    kept.query(
        "INSERT INTO scheduled_slots (name, slot, created_at)"
        " SELECT name, now() - age, now() - age FROM (VALUES"
        " ('rare', interval '90 days'), ('rare', interval '30 days'),"
        " ('often', interval '8 days'), ('often', interval '6 days')) AS slots (name, age)"
    )

    await tick(database, [PURGE_EXPIRED])
    await run(database)

    left = (
        "SELECT name, (now()::date - slot::date) FROM scheduled_slots WHERE name <> %s ORDER BY 1"
    )
    assert kept.query(left, PURGE_EXPIRED.name) == [("often", 6), ("rare", 30)]


async def test_what_is_too_much_for_once_goes_bit_by_bit(
    database: Database, kept: Kept, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge_module, "_MOST", 4)
    for number in range(10):
        kept.add(business, "3 days", f"old {number}")

    await tick(database, [PURGE_EXPIRED])
    left = [10]
    while await run(database):
        left.append(len(kept.keys()))

    # The last took fewer than it may, so there can be no more.
    assert left == [10, 6, 2, 0]
    assert kept.news() == []


def test_purge_has_a_lane_of_its_own() -> None:
    assert PURGE_EXPIRED.lane in LANES


# For each kind that is kept by a setting: how a row of an age is made, and what names it.
MAKE: Final = {
    "inbound_events": (
        (
            "INSERT INTO inbound_events (id, provider, webhook, account, external_id, method, url,"
            " headers, body, received_at, state, handled_at) VALUES ((lpad(to_hex((extract("
            "epoch FROM now() - {age}) * 1000)::bigint), 12, '0') || '70008000'"
            " || lpad('{name}', 12, '0'))::uuid,"
            " 'p', 'w', '', '{name}', 'POST', '', '{{}}', '', now() - {age}, 'done', now() - {age})"
        ),
        "external_id",
        (89, 91),
    ),
    "user_sessions": (
        (
            "INSERT INTO user_sessions (id, user_id, token_hash, expires_at) VALUES"
            " (gen_random_uuid(), '{user}', '\\x0{name}', now() - {age})"
        ),
        "right(encode(token_hash, 'hex'), 1)",
        (6, 8),
    ),
    "jobs": (
        (
            "INSERT INTO jobs (lane, kind, args, dead_at) VALUES ('inbound', '{name}', '{{}}',"
            " now() - {age})"
        ),
        "kind",
        (89, 91),
    ),
    "runs": (
        (
            "INSERT INTO runs (id, kind, release, started_at, finished_at, is_good, report) VALUES"
            " (gen_random_uuid(), '{name}', '1', now(), now() - {age}, true, '{{}}')"
        ),
        "kind",
        (399, 401),
    ),
    "checklist_results": (
        (
            "INSERT INTO checklist_results (release, item_id, status, found, expected, hint,"
            " checked_at) VALUES ('1', '{name}', 'passed', '', '', '', now() - {age})"
        ),
        "item_id",
        (399, 401),
    ),
    "idempotency_keys": (
        (
            "INSERT INTO idempotency_keys (organization_id, route, key, request_hash, status, body,"
            " created_at) VALUES ('{organization}', 'r', '{name}', '', 200, '', now() - {age})"
        ),
        "key",
        (1, 3),
    ),
    "stream_events": (
        (
            "INSERT INTO stream_events (organization_id, kind, subject_id, created_at) VALUES"
            " ('{organization}', '{name}', gen_random_uuid(), now() - {age})"
        ),
        "kind",
        (0, 1),
    ),
    "heartbeats": (
        (
            "INSERT INTO heartbeats (process, kind, release, seen_at) VALUES"
            " ('{name}', 'serve', '1', now() - {age})"
        ),
        "process",
        (0, 2),
    ),
}


async def test_each_kind_of_rows_is_kept_for_its_own_time(
    database: Database, kept: Kept, business: Business
) -> None:
    user = uuid.uuid4()
    kept.query(
        "INSERT INTO users (id, email, password_hash) VALUES (%s, 'a@example.com', '')", user
    )
    for statement, _, days in MAKE.values():
        for name, age in zip("12", days, strict=True):
            known = {"user": user, "organization": business.organization_id, "name": name}
            kept.query(statement.format(age=f"interval '{age} days'", **known))

    await tick(database, [PURGE_EXPIRED])
    await run(database)

    left = {
        table: kept.query(f"SELECT {column} FROM {table}") for table, (_, column, _) in MAKE.items()
    }
    assert left == {table: [("1",)] for table in MAKE}


async def test_event_that_nobody_has_handled_stays_however_old_it_is(
    database: Database, kept: Kept
) -> None:
    statement, _, _ = MAKE["inbound_events"]
    kept.query(statement.format(age="interval '900 days'", name="1"))
    kept.query("UPDATE inbound_events SET state = 'received', handled_at = NULL")
    await tick(database, [PURGE_EXPIRED])
    await run(database)
    assert kept.query("SELECT count(*) FROM inbound_events") == [(1,)]


async def test_kind_that_this_release_does_not_know_is_left_alone(database: Database) -> None:
    async with database.system() as transaction:
        await enqueue(
            transaction,
            lane=PURGE_EXPIRED.lane,
            kind=PURGE_EXPIRED.kind,
            args={"kinds": ["of_tomorrow"]},
        )
    assert await run(database) == 1


def test_events_are_kept_for_as_long_as_providers_may_send_them_again() -> None:
    with pytest.raises(SettingsError, match="at least 30"):
        load_settings(RetentionSettings, {"CLIENTFLOW_KEEP_INBOUND_EVENTS_DAYS": "29"})
    least = load_settings(RetentionSettings, {"CLIENTFLOW_KEEP_INBOUND_EVENTS_DAYS": "30"})
    assert least.periods["inbound_events"].days == 30
