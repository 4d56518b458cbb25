"""The checks of the database: quiet where all is well, and each fault of it found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.errors import DatabaseUnfit
from clientflow_core.persistence.provision import APPLICATION
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.secret import Secret
from clientflow_host.checklist.checks.database import is_remote
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

OURS = ("EA1", "DD1", "DD2", "DD3", "DD5", "SD3")
RULE = "organization_id = (SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
LET_IN = f"GRANT SELECT (id, email, created_at) ON users TO {APPLICATION}"
REMOTE = Secret("postgresql://app:pass-word@db.example.com/clientflow")


@contextmanager
def broken(host: Host, change: str, *, mend: str) -> Iterator[None]:
    """Change the database as its superuser, and change it back."""
    host.rows(change)
    try:
        yield
    finally:
        host.rows(mend)


async def fault(item_id: str, context: Any) -> CheckResult:
    """Ask, where something is broken: it must be found, with what to do."""
    result = await ask(item_id, context)
    assert result.status is CheckStatus.FAILED, result
    assert result.hint
    assert "pass-word" not in result.found + result.expected + result.hint
    return result


async def test_a_healthy_database_is_found_healthy(context: Context) -> None:
    found = {item: await ask(item, context()) for item in OURS}
    assert {one.status for one in found.values()} == {CheckStatus.PASSED}, found
    assert found["DD2"].found == expected_revision()
    assert "not encrypted" in found["EA1"].found


async def test_a_role_that_could_bypass_row_level_security_is_found(
    host: Host, context: Context
) -> None:
    change, mend = (f"ALTER ROLE {APPLICATION} {word}" for word in ("BYPASSRLS", "NOBYPASSRLS"))
    with broken(host, change, mend=mend):
        found = await fault("EA1", context())
    assert "may bypass row-level security" in found.found


async def test_a_superuser_in_the_settings_is_found_though_nothing_starts_with_it(
    context: Context,
) -> None:
    refused = DatabaseUnfit("the role 'postgres' in DATABASE_URL is a superuser")
    assert "is a superuser" in (await fault("EA1", context(opened=refused))).found


async def test_another_machine_without_encryption_is_found(context: Context) -> None:
    for item in ("EA1", "SD3"):
        found = await fault(item, context(database_url=REMOTE))
        assert "not encrypted" in found.found
        assert "sslmode=" in found.hint


async def test_a_clock_that_is_apart_is_found(context: Context) -> None:
    class Late:
        def now(self) -> Any:
            return context().clock.now().replace(year=2020)

    assert "NTP" in (await fault("DD1", context(clock=Late()))).hint


async def test_a_schema_that_is_behind_is_found(host: Host, context: Context) -> None:
    with broken(
        host,
        "UPDATE alembic_version SET version_num = '0001'",
        mend=f"UPDATE alembic_version SET version_num = '{expected_revision()}'",
    ):
        found = await fault("DD2", context())
    assert "is at 0001" in found.found
    assert "clientflow migrate" in found.hint


BY_HAND = [
    (
        "ALTER TABLE runs RENAME COLUMN kind TO sort",
        "ALTER TABLE runs RENAME COLUMN sort TO kind",
        "runs.kind is missing instead of text NOT NULL; runs.sort is not of this release",
    ),
    (
        "ALTER TABLE runs ALTER COLUMN kind DROP NOT NULL",
        "ALTER TABLE runs ALTER COLUMN kind SET NOT NULL",
        "runs.kind is text instead of text NOT NULL",
    ),
    (
        "ALTER INDEX jobs_due_idx RENAME TO jobs_gone_idx",
        "ALTER INDEX jobs_gone_idx RENAME TO jobs_due_idx",
        "there is no index jobs_due_idx",
    ),
    (
        "ALTER TABLE calendar_feeds RENAME TO feeds",
        "ALTER TABLE feeds RENAME TO calendar_feeds",
        "there is no table calendar_feeds",
    ),
]


async def test_a_table_that_was_changed_by_hand_is_found(host: Host, context: Context) -> None:
    for change, mend, told in BY_HAND:
        with broken(host, change, mend=mend):
            assert told in (await fault("DD2", context())).found


async def test_a_schema_of_a_later_release_is_no_fault(host: Host, context: Context) -> None:
    with broken(
        host,
        "UPDATE alembic_version SET version_num = '9999'",
        mend=f"UPDATE alembic_version SET version_num = '{expected_revision()}'",
    ):
        found = await ask("DD2", context())
    assert (found.status, found.found) == (CheckStatus.PASSED, "9999, of a later release")


OPEN = [
    (
        "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE contacts ENABLE ROW LEVEL SECURITY",
        ["row-level security is off for contacts"],
    ),
    (
        "ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE contacts FORCE ROW LEVEL SECURITY",
        ["row-level security is not forced for contacts"],
    ),
    (
        "ALTER POLICY contacts_scope ON contacts USING (true)",
        f"ALTER POLICY contacts_scope ON contacts USING ({RULE})",
        ["the policy contacts_scope of contacts is not that of the migrations"],
    ),
    (
        "CREATE POLICY more ON channels USING (true)",
        "DROP POLICY more ON channels",
        [
            "the policy more of channels is not",
            "channels is seen by nobody's",
            "channels is seen by strangers",
        ],
    ),
    (
        "CREATE TABLE notes (organization_id uuid)",
        "DROP TABLE notes",
        ["row-level security is off for notes", "notes has no policy"],
    ),
    (
        "ALTER TABLE plans RENAME TO were; CREATE TABLE plans (key text)",
        "DROP TABLE plans; ALTER TABLE were RENAME TO plans",
        ["row-level security is off for plans", "plans has no policy"],
    ),
]


@pytest.mark.proves("DD3")
async def test_a_table_that_shows_too_much_is_found(host: Host, context: Context) -> None:
    for change, mend, told in OPEN:
        with broken(host, change, mend=mend):
            found = await fault("DD3", context())
        assert [words for words in told if words not in found.found] == []


async def test_a_policy_that_only_narrows_is_no_fault(host: Host, context: Context) -> None:
    change = "CREATE POLICY narrow ON contacts AS RESTRICTIVE USING (false)"
    with broken(host, change, mend="DROP POLICY narrow ON contacts"):
        assert (await ask("DD3", context())).status is CheckStatus.PASSED


async def test_more_connections_than_the_server_has_are_found(context: Context) -> None:
    found = await fault("DD5", context(database_pool_size=90))
    assert "2 processes with up to 96 connections each: 192" in found.found
    assert "CLIENTFLOW_DATABASE_POOL_SIZE to 40 or less" in found.hint


async def test_a_limit_of_the_role_counts(host: Host, context: Context) -> None:
    change, mend = (f"ALTER ROLE {APPLICATION} CONNECTION LIMIT {most}" for most in (20, -1))
    with broken(host, change, mend=mend):
        assert "at most 20" in (await fault("DD5", context())).expected


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://app:pass-word@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        "postgresql://app:pass-word@ep-cool-123-pooler.eu-west-1.aws.neon.tech/neondb",
    ],
)
async def test_a_transaction_pooler_is_found_unless_there_is_a_way_past_it(
    context: Context, address: str
) -> None:
    pooled = context(database_url=Secret(address))
    assert "CLIENTFLOW_DIRECT_DATABASE_URL" in (await fault("DD5", pooled)).hint
    past = context(database_url=Secret(address), direct_database_url=REMOTE)
    assert (await ask("DD5", past)).status is CheckStatus.PASSED


TOO_MUCH = [
    ("GRANT SELECT ON users TO PUBLIC", "REVOKE ALL ON users FROM PUBLIC", "rights on users"),
    (
        "GRANT EXECUTE ON FUNCTION add_user TO PUBLIC",
        "REVOKE ALL ON FUNCTION add_user FROM PUBLIC",
        "everybody may call add_user",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "our role may make tables; everybody may make tables",
    ),
    (
        f"GRANT SELECT ON users TO {APPLICATION}",
        f"REVOKE SELECT ON users FROM {APPLICATION};{LET_IN}",
        "may read what passwords are checked against",
    ),
    (
        f"GRANT TRUNCATE ON contacts TO {APPLICATION}",
        f"REVOKE TRUNCATE ON contacts FROM {APPLICATION}",
        "our role has more rights on contacts than it needs",
    ),
    (
        f"ALTER ROLE {APPLICATION} CREATEROLE",
        f"ALTER ROLE {APPLICATION} NOCREATEROLE",
        "our role may make roles",
    ),
]


async def test_a_right_that_nobody_needs_is_found(host: Host, context: Context) -> None:
    for change, mend, told in TOO_MUCH:
        with broken(host, change, mend=mend):
            found = await fault("SD3", context())
        assert told in found.found
        assert "REVOKE" in found.hint


@pytest.mark.parametrize(
    ("address", "leaves"),
    [
        ("postgresql://a@db.example.com/b", True),
        ("postgresql://a@10.0.0.7/b", True),
        ("postgresql://a@localhost/b", False),
        ("postgresql://a@[::1]/b", False),
        ("postgresql://a@/b", False),
        ("postgresql://a@/b?host=/run/postgresql", False),
        ("postgresql://a@/b?host=/run/postgresql,db.example.com", True),
        ("postgresql://a@/b?host=127.0.0.1&host=db.example.com", True),
    ],
)
def test_what_leaves_this_machine_is_told_by_the_address(address: str, leaves: bool) -> None:
    assert is_remote(make_url(address)) is leaves
