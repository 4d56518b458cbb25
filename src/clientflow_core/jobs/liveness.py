"""The lock that says that a worker lives; PostgreSQL lets go of it when the worker dies."""

import asyncio
from typing import Final

import psycopg

from clientflow_core import failpoints
from clientflow_core.persistence.connections import LASTING
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS

_ANSWER_SECONDS: Final = 5


class Liveness:
    """One direct connection that holds an advisory lock on this worker's number.

    Args:
        conninfo: must not lead through a transaction pooler, where locks do not last.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[tuple[int]] | None = None
        self.worker: int | None = None

    async def acquire(self) -> int:
        """Take a new number and lock it.

        A number is never taken twice: what was claimed under one that was lost stays fenced off.

        Raises:
            psycopg.OperationalError: the database is not there.
            TimeoutError: it does not answer.
        """
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, **LASTING
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                worker = await _lock_number(connection)
        except BaseException:
            await connection.close()
            raise
        failpoints.hit("jobs.number_taken")
        self._connection, self.worker = connection, worker
        return worker

    async def is_held(self) -> bool:
        """Ask the server whether the connection, and with it the lock, is still there."""
        if self._connection is None:
            return False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError):
            await self.release()
            return False
        return True

    async def release(self) -> None:
        """Let go of the lock."""
        connection, self._connection, self.worker = self._connection, None, None
        if connection is not None:
            await connection.close()


async def _lock_number(connection: psycopg.AsyncConnection[tuple[int]]) -> int:
    cursor = await connection.execute("SELECT nextval('worker_numbers')::int")
    [(worker,)] = await cursor.fetchall()
    await connection.execute("SELECT pg_advisory_lock(%s, %s)", [LIVENESS_LOCKS, worker])
    return worker
