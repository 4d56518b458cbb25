"""The only way to a transaction, and with it to the data of one organization.

There are two doors: :meth:`Database.organization` and :meth:`Database.system`. A transaction that
begins by neither raises, so a forgotten scope is an error and not an empty answer.
"""

import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from clientflow_core.domain.jobs import ListenerJob
from clientflow_core.errors import DatabaseUnfit
from clientflow_core.persistence.connections import LASTING, ImpatientConnection
from clientflow_core.persistence.patience import Patience
from clientflow_core.persistence.server import (
    check_application_role,
    check_version,
    first_line,
)
from clientflow_core.persistence.statements import Statements

_SCOPE: Final = "clientflow_scope"
_SYSTEM: Final = "system"
_NOW: Final = sa.text("SELECT clock_timestamp()")
_SET_ORGANIZATION: Final = sa.text("SELECT set_config('app.organization_id', :organization, true)")

# Bounds on what one statement, one wait for a lock and one forgotten transaction may take.
_SESSION: Final = MappingProxyType(
    {
        "statement_timeout": "9s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
        "timezone": "UTC",
    }
)
_OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
# A pooler hands on neither what a connection begins with nor what was prepared on it.
_SET_SESSION: Final = sa.text(
    "SELECT "
    + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _SESSION.items())
)

# Less than what begins may take: that none is free says nothing of the server.
_FREE_SECONDS: Final = 3.0

Wake = Callable[[frozenset[str]], None]
Listeners = Mapping[str, Sequence[ListenerJob]]
_NOBODY: Final[Listeners] = MappingProxyType({})


class Transaction:
    """One open transaction. What runs in it sees one organization, or none.

    Attributes:
        organization_id: whose rows are visible; None in the system scope.
        listeners: for each kind of event, the jobs that plugins are told of it by.
        may_wait: whether it may wait for others, since nobody else's work is in it.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        organization_id: uuid.UUID | None,
        listeners: Listeners = _NOBODY,
    ) -> None:
        self._connection = connection
        self.organization_id = organization_id
        self.listeners = listeners
        self.may_wait = True
        self._lanes: set[str] = set()

    @property
    def scope(self) -> uuid.UUID:
        """The organization, where there must be one.

        Raises:
            RuntimeError: the transaction is in the system scope.
        """
        if self.organization_id is None:
            msg = "this needs the transaction of an organization, not one of the system"
            raise RuntimeError(msg)
        return self.organization_id

    async def execute(
        self, statement: sa.Executable, parameters: Mapping[str, Any] | list[Any] | None = None
    ) -> CursorResult[Any]:
        """Run *statement*."""
        result: CursorResult[Any] = await self._connection.execute(statement, parameters)
        return result

    async def scalar(
        self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None
    ) -> Any:
        """Run *statement* and give the one value of its one row."""
        return (await self.execute(statement, parameters)).scalar_one()

    async def now(self) -> dt.datetime:
        """Ask for the present moment, by the clock of the database."""
        moment: dt.datetime = await self.scalar(_NOW)
        return moment

    async def switch_to(self, organization_id: uuid.UUID | None) -> None:
        """Go on as *organization_id*; how a batch of jobs serves one organization after another."""
        if organization_id == self.organization_id:
            return
        value = str(organization_id) if organization_id else ""
        await self.execute(_SET_ORGANIZATION, {"organization": value})
        self.organization_id = organization_id

    def wake(self, lane: str) -> None:
        """Tell the workers of *lane* after the commit; a rollback tells nobody."""
        self._lanes.add(lane)

    @property
    def lanes_to_wake(self) -> frozenset[str]:
        """The lanes in which this transaction has made work."""
        return frozenset(self._lanes)


class Database:
    """A pool of connections as the application role, and one apart.

    Attributes:
        statements: in the system scope, each a transaction of its own, on the connection apart.

    Args:
        url: from :func:`clientflow_core.persistence.server.parse_url`.
        wake: called after each commit with the lanes that have new work; must not block.
        pool_size: the most connections; who finds none free for 3 s fails.
        has_pooler: *url* leads through a transaction pooler, where each transaction may come to
            another connection of the server.
    """

    def __init__(
        self,
        url: URL,
        *,
        wake: Wake | None = None,
        pool_size: int = 10,
        has_pooler: bool = False,
    ) -> None:
        self._wake = wake
        self._listeners = _NOBODY
        self._patience: Patience | None = None
        connect_args = _connect_args(has_pooler=has_pooler)
        self._engine = _create_engine(url, pool_size, connect_args)
        if has_pooler:
            event.listen(self._engine.sync_engine, "begin", _set_session)
        self.statements = Statements(url, connect_args=connect_args, wake=self._tell)

    def wake_with(self, wake: Wake) -> None:
        """Set who is told of new work."""
        self._wake = wake

    def tell_with(self, listeners: Listeners) -> None:
        """Set which plugins are told of what has happened, from now on."""
        self._listeners = listeners

    def hurry(self) -> None:
        """Give up soon what does not begin, from now on: for who waits for an answer meanwhile.

        A worker must not: what it has done elsewhere is worth waiting for until it is recorded.
        """
        self._patience = Patience()

    @asynccontextmanager
    async def organization(self, organization_id: uuid.UUID) -> AsyncIterator[Transaction]:
        """Open a transaction that sees the rows of one organization; commit at its end."""
        async with self._transaction(organization_id) as transaction:
            yield transaction

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Transaction]:
        """Open a transaction for system tables and functions; it sees no organization's rows."""
        async with self._transaction(None) as transaction:
            yield transaction

    @asynccontextmanager
    async def _transaction(self, organization_id: uuid.UUID | None) -> AsyncIterator[Transaction]:
        async with AsyncExitStack() as stack:
            connection = await self._begin(stack, scope=organization_id or _SYSTEM)
            transaction = Transaction(connection, organization_id, self._listeners)
            yield transaction
        self._tell(transaction.lanes_to_wake)

    async def _begin(self, stack: AsyncExitStack, *, scope: uuid.UUID | str) -> AsyncConnection:
        async with self._patience.beginning() if self._patience else nullcontext():
            plain = await stack.enter_async_context(self._engine.connect())
            connection = await plain.execution_options(**{_SCOPE: scope})
            _ = await stack.enter_async_context(connection.begin())
        return connection

    def _tell(self, lanes: frozenset[str]) -> None:
        if self._wake and lanes:
            self._wake(lanes)

    async def check(self) -> None:
        """Make sure that the server and our role in it are as they must be.

        Raises:
            DatabaseUnfit: unreachable, too old, or a role that row-level security does not hold.
        """
        try:
            async with self._engine.connect() as plain:
                connection = await plain.execution_options(**{_SCOPE: _SYSTEM})
                await connection.run_sync(check_version)
                await connection.run_sync(check_application_role)
        except sa.exc.DBAPIError as error:
            msg = f"no connection to the database in DATABASE_URL: {first_line(error)}"
            raise DatabaseUnfit(msg) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.statements.close()
        await self._engine.dispose()


def _connect_args(*, has_pooler: bool) -> Mapping[str, Any]:
    more = {"prepare_threshold": None} if has_pooler else {"options": _OPTIONS}
    return {**LASTING, **more}


def _create_engine(url: URL, pool_size: int, connect_args: Mapping[str, Any]) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_FREE_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, separators=(",", ":")),
        connect_args={**connect_args, "async_creator_fn": ImpatientConnection.connect},
    )
    event.listen(engine.sync_engine, "begin", _enter_scope)
    return engine


def _set_session(connection: Connection) -> None:
    connection.execute(_SET_SESSION)


def _enter_scope(connection: Connection) -> None:
    scope = connection.get_execution_options().get(_SCOPE)
    if scope is None:
        msg = "a transaction began without a scope: use Database.organization or Database.system"
        raise RuntimeError(msg)
    if scope != _SYSTEM:
        connection.execute(_SET_ORGANIZATION, {"organization": str(scope)})
