"""Statements that run all the time: each a transaction of its own, on a connection kept for them.

A transaction takes four journeys to the server: is it there, begin, the statement, commit. Here it
is the statement alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL

from clientflow_core.persistence.connections import ImpatientConnection
from clientflow_core.persistence.server import connection_string

_Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]


class Statements:
    """Runs statements in the system scope, one after another; they see no organization's rows.

    Its connection is made when it is first needed, and anew after it broke.

    Args:
        url: from :func:`clientflow_core.persistence.server.parse_url`.
        connect_args: beside those in *url*.
        wake: called with the lanes in which a statement has made work; must not block.
    """

    def __init__(
        self, url: URL, *, connect_args: Mapping[str, Any], wake: Callable[[frozenset[str]], None]
    ) -> None:
        self._conninfo: Final = connection_string(url)
        self._dialect: Final = url.get_dialect()()
        self._connect_args = connect_args
        self._wake = wake
        self._texts: dict[sa.TextClause, bytes] = {}
        self._connection: _Connection | None = None
        self._is_closed = False
        self._turn = asyncio.Lock()

    async def scalar(self, statement: sa.TextClause, parameters: Mapping[str, Any]) -> Any:
        """Run *statement* and give the one value of its one row; it is committed then.

        It must be one that may run twice: where the connection turns out to have broken, nobody
        knows what became of it, and it is run again on a new one.

        Raises:
            psycopg.Error: the server is not there, or refuses the statement.
        """
        async with self._turn:
            kept = self._connection
            if kept is not None and not kept.closed:
                try:
                    return await self._run(kept, statement, parameters)
                except psycopg.OperationalError:
                    if not kept.closed or self._is_closed:
                        raise
            self._connection = await self._connect()
            return await self._run(self._connection, statement, parameters)

    def wake(self, lane: str) -> None:
        """Tell the workers of *lane*; what was run for them is committed."""
        self._wake(frozenset({lane}))

    async def close(self) -> None:
        """Close the connection; what runs on it fails."""
        self._is_closed = True
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> _Connection:
        connection: _Connection = await ImpatientConnection.connect(
            self._conninfo, autocommit=True, **self._connect_args
        )
        if self._is_closed:
            await connection.close()
            msg = "the database was closed"
            raise psycopg.InterfaceError(msg)
        return connection

    async def _run(
        self, connection: _Connection, statement: sa.TextClause, parameters: Mapping[str, Any]
    ) -> Any:
        cursor = await connection.execute(self._text(statement), parameters)
        row = await cursor.fetchone()
        return row[0] if row else None

    def _text(self, statement: sa.TextClause) -> bytes:
        """Write *statement* as psycopg wants it, once."""
        if statement not in self._texts:
            self._texts[statement] = str(statement.compile(dialect=self._dialect)).encode()
        return self._texts[statement]
