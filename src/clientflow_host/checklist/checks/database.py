"""The database: who we are in it, how we reach it, and whether it is as this release needs it."""

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from clientflow_core.contributions.checks import CheckResult, failed, passed
from clientflow_core.errors import DatabaseUnfit
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.drift import find_drift
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.persistence.repositories.heartbeats import list_processes
from clientflow_core.persistence.row_security import FUNCTIONS, TABLES, find_gaps, find_visible
from clientflow_core.persistence.server import OLDEST_VERSION, parse_url
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.heartbeat import FRESH_SECONDS
from clientflow_host.settings import is_this_machine

_MIGRATE: Final = "Run `clientflow migrate` with CLIENTFLOW_OWNER_DATABASE_URL set."
_SKEW_SECONDS: Final = 2.0
# Of the server's connections, for people, migrations and backups.
_SPARE: Final = 5
# Beside its pool: one for single statements, one for the worker's lock or the live updates.
_BESIDE_POOL: Final = 2
# What carries the wake-ups where there is no Redis.
_WAKE_UPS: Final = 4
_LEAST_PROCESSES: Final = 2

_SERVER: Final = sa.text(
    """
    SELECT current_setting('server_version') AS version,
        current_setting('server_version_num')::int / 10000 AS major,
        current_setting('server_encoding') AS encoding,
        current_setting('TimeZone') AS zone, clock_timestamp() AS now,
        coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted
    """
)
_LIMITS: Final = sa.text(
    """
    SELECT current_setting('max_connections')::int AS most,
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
        (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role,
        pg_backend_pid() AS pid
    """
)
_PID: Final = sa.text("SELECT pg_backend_pid()")
_RIGHTS: Final = sa.text(
    """
    SELECT r.rolcreaterole OR r.rolcreatedb OR r.rolreplication AS is_mighty,
        has_schema_privilege('public', 'CREATE') AS may_create,
        has_column_privilege('users', 'password_hash', 'SELECT') AS reads_passwords,
        ARRAY(SELECT c.relname::text FROM pg_class c
              WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                AND has_table_privilege(c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
              ORDER BY 1) AS too_much,
        EXISTS (SELECT 1 FROM pg_namespace, aclexplode(nspacl)
                WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE')
            AS everybody_creates
    FROM pg_roles r WHERE r.rolname = current_user
    """
)


async def check_address(context: HostCheckContext) -> CheckResult:
    """Ask the database as the service does, and look at who we are in it."""
    expected = (
        f"PostgreSQL {OLDEST_VERSION} or newer answers, in UTC, encrypted unless it is on this"
        " machine, to a role that row-level security holds"
    )
    try:
        await context.database.check()
    except DatabaseUnfit as error:
        hint = "Do what it says; SQL and settings are in docs/operation.md."
        return failed(str(error), expected=expected, hint=hint)
    server = await _ask(context, _SERVER)
    found = f"PostgreSQL {server.version}, {server.zone}, {_encrypted(server)}"
    if server.zone not in {"UTC", "Etc/UTC"}:
        hint = "Let the pooler pass the options of a connection on, or set the role's timezone."
        return failed(found, expected=expected, hint=hint)
    if not server.is_encrypted and is_remote(_url(context)):
        return failed(found, expected=expected, hint=_ENCRYPT)
    return passed(found, expected=expected)


_ENCRYPT: Final = "Add ?sslmode=verify-full (or at least require) to DATABASE_URL."


async def check_server(context: HostCheckContext) -> CheckResult:
    """Look at the server itself: its version, how it writes texts, and its clock."""
    expected = (
        f"PostgreSQL {OLDEST_VERSION} or newer in UTF8, no further extension, and a clock within"
        f" {_SKEW_SECONDS:.0f} s of ours"
    )
    asked = context.now
    server = await _ask(context, _SERVER)
    skew = _apart(server.now, asked, context.now)
    found = f"PostgreSQL {server.version}, {server.encoding}, {skew:.1f} s apart"
    if server.major < OLDEST_VERSION:
        return failed(found, expected=expected, hint="Upgrade the server.")
    if server.encoding != "UTF8":
        hint = "Make a database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        return failed(found, expected=expected, hint=hint)
    if skew > _SKEW_SECONDS:
        return failed(found, expected=expected, hint="Let both machines keep time by NTP.")
    return passed(found, expected=expected)


async def check_schema(context: HostCheckContext) -> CheckResult:
    """Compare the schema with what this release is written for."""
    expected = f"revision {expected_revision()}, and every table as it is written"
    try:
        async with context.database.system() as transaction:
            revision = str(await transaction.scalar(_REVISION, {}) or "nothing")
            drift = await find_drift(transaction)
    except sa.exc.ProgrammingError:
        return failed("the schema is missing", expected=expected, hint=_MIGRATE)
    if revision == "nothing" or revision < expected_revision():
        return failed(f"the schema is at {revision}", expected=expected, hint=_MIGRATE)
    if revision > expected_revision():
        return passed(f"{revision}, of a later release", expected=expected)
    if drift:
        hint = "Undo by hand what was changed by hand, or restore a backup; then migrate."
        return failed(_some(drift), expected=expected, hint=hint)
    return passed(revision, expected=expected)


_REVISION: Final = sa.text("SELECT max(version_num) FROM alembic_version")


async def check_row_security(context: HostCheckContext) -> CheckResult:
    """Look at every policy, and try to see what is nobody's or somebody else's."""
    expected = "forced row-level security with the policy of the migrations; no row without it"
    hint = "Write the policies as the migrations do, or restore a backup. Until then, stop serve."
    async with context.database.system() as transaction:
        gaps = find_gaps((await transaction.execute(TABLES)).mappings().all())
        seen = [f"{name} is seen by nobody's" for name in await find_visible(transaction)]
    async with context.database.organization(new_id()) as transaction:
        seen += [f"{name} is seen by strangers" for name in await find_visible(transaction)]
    if gaps or seen:
        return failed(_some([*gaps, *seen]), expected=expected, hint=hint)
    return passed("every table is guarded, and shows strangers nothing", expected=expected)


async def check_pools(context: HostCheckContext) -> CheckResult:
    """Add up the connections that our processes may open, and look for a transaction pooler."""
    async with context.database.system() as transaction:
        limits = (await transaction.execute(_LIMITS)).one()
        # At the same time on another connection: only a pooler lends one server process to both.
        beside = await context.database.statements.scalar(_PID, {})
        processes = await list_processes(transaction, seen_within_seconds=FRESH_SECONDS)
    if context.settings.direct_database_url is None and (
        beside == limits.pid or _is_pooler(_url(context))
    ):
        return failed(
            "DATABASE_URL leads through a transaction pooler",
            expected="a way past it, for what holds on to its connection",
            hint="Set CLIENTFLOW_DIRECT_DATABASE_URL to the database itself.",
        )
    return _judge_pools(context, limits, max(len(processes), _LEAST_PROCESSES))


def _judge_pools(context: HostCheckContext, limits: Any, processes: int) -> CheckResult:
    beside = _BESIDE_POOL + (0 if context.settings.redis_url else _WAKE_UPS)
    each = context.settings.database_pool_size + beside
    room = limits.most - limits.reserved - _SPARE
    if limits.of_role >= 0:
        room = min(room, limits.of_role)
    found = f"{processes} processes with up to {each} connections each: {processes * each}"
    expected = f"at most {room}, so that {_SPARE} stay for people, migrations and backups"
    if processes * each <= room:
        return passed(found, expected=expected)
    fitting = max(room // processes - beside, 1)
    hint = (
        f"Set CLIENTFLOW_DATABASE_POOL_SIZE to {fitting} or less, run fewer processes, or raise"
        " max_connections."
    )
    return failed(found, expected=expected, hint=hint)


async def check_access(context: HostCheckContext) -> CheckResult:
    """Look at what our role may do that it need not, what everybody may, and the way there."""
    expected = (
        "the rights that `clientflow migrate` grants, none for PUBLIC, TLS to another machine"
    )
    async with context.database.system() as transaction:
        problems = await _open_doors(transaction)
    if is_remote(_url(context)) and not (await _ask(context, _SERVER)).is_encrypted:
        problems.append("the connection is not encrypted")
    if not problems:
        return passed("nothing but what is needed", expected=expected)
    hint = "REVOKE, as the owner or an administrator, what is named; then run `clientflow migrate`."
    if problems == ["the connection is not encrypted"]:
        hint = _ENCRYPT
    return failed(_some(problems), expected=expected, hint=hint)


async def _open_doors(transaction: Transaction) -> list[str]:
    rights = (await transaction.execute(_RIGHTS)).one()
    tables = (await transaction.execute(TABLES)).mappings().all()
    functions = (await transaction.execute(FUNCTIONS)).scalars().all()
    says = {
        "our role may make roles, databases or replicas": rights.is_mighty,
        "our role may make tables": rights.may_create,
        "our role may read what passwords are checked against": rights.reads_passwords,
        "everybody may make tables": rights.everybody_creates,
    }
    return [
        *(what for what, holds in says.items() if holds),
        *(f"our role has more rights on {name} than it needs" for name in rights.too_much),
        *(f"everybody has rights on {row['name']}" for row in tables if row["is_public"]),
        *(f"everybody may call {name}" for name in functions),
    ]


async def _ask(context: HostCheckContext, statement: sa.TextClause) -> Any:
    async with context.database.system() as transaction:
        return (await transaction.execute(statement)).one()


def _url(context: HostCheckContext) -> URL:
    if context.settings.database_url is None:
        msg = "DATABASE_URL is not set"
        raise DatabaseUnfit(msg)
    return parse_url(context.settings.database_url, env="DATABASE_URL")


def is_remote(url: URL) -> bool:
    """Tell whether the way to *url* leaves this machine; a socket's does not."""
    hosts = url.query.get("host", url.host) or ""
    named = hosts if isinstance(hosts, tuple) else tuple(hosts.split(","))
    return any(host and not host.startswith("/") and not is_this_machine(host) for host in named)


def _is_pooler(url: URL) -> bool:
    # Supabase's listens at 6543 (https://supabase.com/docs/guides/database/connecting-to-postgres),
    # Neon's has a name of its own (https://neon.com/docs/connect/connection-pooling).
    is_supabase = (url.host or "").endswith("pooler.supabase.com") and url.port == 6543  # noqa: PLR2004
    return is_supabase or "-pooler." in (url.host or "")


def _apart(theirs: dt.datetime, before: dt.datetime, after: dt.datetime) -> float:
    """Give by how many seconds *theirs* is not between the two moments of ours."""
    outside = max(before - theirs, theirs - after, dt.timedelta())
    return outside.total_seconds()


def _encrypted(server: Any) -> str:
    return "encrypted" if server.is_encrypted else "not encrypted"


def _some(problems: list[str], *, most: int = 5) -> str:
    more = len(problems) - most
    return "; ".join(problems[:most]) + (f"; and {more} more" if more > 0 else "")


CHECKS: Final = (
    HostCheck(id="EA1", run=check_address),
    HostCheck(id="DD1", run=check_server),
    HostCheck(id="DD2", run=check_schema),
    HostCheck(id="DD3", run=check_row_security),
    HostCheck(id="DD5", run=check_pools),
    HostCheck(id="SD3", run=check_access),
)
