"""Jobs and what they have done, seen by the superuser; runners that are stopped in any case."""

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import sqlalchemy as sa
import structlog
from psycopg.types.json import Jsonb

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import DatabaseJob, Handler, JobRun, ProviderJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.provision import DATABASE, provision
from clientflow_core.persistence.repositories.jobs import VISIBILITY_SECONDS
from clientflow_core.persistence.server import parse_url
from tests.databases import Addresses

LANE: Final = "tests"


async def until(is_so: Callable[[], Any], *, seconds: float = 30.0) -> None:
    """Wait until *is_so* gives something true."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.02)


@attrs.frozen
class Table:
    """The jobs of a test, and the effects that they have had, counted without any uniqueness."""

    addresses: Addresses

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.addresses.connect() as connection:
            cursor = connection.execute(statement.encode(), list(values))
            return cursor.fetchall() if cursor.description else []

    async def change(self, statement: str, *values: Any) -> None:
        """Do it in a thread: who holds the lock that it waits for may need this very loop."""
        await asyncio.to_thread(self.query, statement, *values)

    def prepare(self) -> None:
        self.query("CREATE TABLE effects (job_id bigint NOT NULL, note text)")
        self.query("GRANT SELECT, INSERT ON effects TO PUBLIC")

    def add(
        self,
        kind: str = "note",
        *,
        lane: str = LANE,
        organization_id: uuid.UUID | None = None,
        args: Mapping[str, Any] | None = None,
        count: int = 1,
        attempts: int = 0,
        max_attempts: int = 14,
    ) -> list[int]:
        rows = self.query(
            "INSERT INTO jobs (lane, kind, organization_id, args, attempts, max_attempts)"
            " SELECT %s, %s, %s, %s, %s, %s FROM generate_series(1, %s) RETURNING id",
            *(lane, kind, organization_id, Jsonb(args or {}), attempts, max_attempts, count),
        )
        return [row[0] for row in rows]

    def effects(self) -> list[int]:
        """Give the job of each effect, in order."""
        return [row[0] for row in self.query("SELECT job_id FROM effects ORDER BY job_id")]

    def left(self) -> int:
        """Count the jobs that are not finished."""
        return int(self.query("SELECT count(*) FROM jobs")[0][0])

    def job(self, job_id: int) -> Mapping[str, Any]:
        """Give the row of a job, and how long it is until it is due."""
        names = ("attempts", "claimed_by", "last_error", "is_dead", "due_in_seconds")
        (row,) = self.query(
            "SELECT attempts, claimed_by, last_error, dead_at IS NOT NULL,"
            " extract(epoch FROM run_at - now())::float FROM jobs WHERE id = %s",
            job_id,
        )
        return dict(zip(names, row, strict=True))


@pytest.fixture(autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Tracebacks as the service writes them; structlog's own hold up a test for seconds."""
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=plain)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, renderer])
    yield
    structlog.reset_defaults()


@pytest.fixture
def table(addresses: Addresses) -> Table:
    made = Table(addresses)
    made.prepare()
    return made


_NOTE: Final = sa.text("INSERT INTO effects (job_id, note) VALUES (:id, :note)")


async def write_note(transaction: Transaction, job: Job, note: str = "") -> None:
    """Have an effect."""
    await transaction.execute(_NOTE, {"id": job.id, "note": note})


async def _note(transaction: Transaction, job: Job) -> None:
    await write_note(transaction, job)


async def _note_in_steps(run: JobRun) -> None:
    async with run.transaction():
        pass
    async with run.last_transaction() as transaction:
        await write_note(transaction, run.job)


NOTE: Final = DatabaseJob(handle=_note)
NOTE_IN_STEPS: Final = ProviderJob(handle=_note_in_steps)


@attrs.define(eq=False)
class Gate:
    """A step of a job that a test watches, and lets pass when it likes."""

    begun: list[int] = attrs.field(factory=list)
    opened: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def handle(self, run: JobRun) -> None:
        self.begun.append(run.job.id)
        await self.opened.wait()
        async with run.last_transaction() as transaction:
            await write_note(transaction, run.job)

    @property
    def kind(self) -> ProviderJob:
        return ProviderJob(handle=self.handle)


@attrs.define(eq=False)
class Runners:
    """Makes runners on the database of the test."""

    database: Database
    addresses: Addresses
    started: list[JobRunner] = attrs.field(factory=list)

    def make(
        self,
        handlers: Mapping[str, Handler],
        *,
        slots: int = 10,
        schedules: Sequence[Schedule] = (),
        visibility_seconds: float = VISIBILITY_SECONDS,
    ) -> JobRunner:
        return JobRunner(
            self.database,
            Liveness(self.addresses.conninfo),
            handlers=handlers,
            lanes={LANE: slots},
            schedules=schedules,
            visibility_seconds=visibility_seconds,
        )

    async def start(self, handlers: Mapping[str, Handler], **more: Any) -> JobRunner:
        runner = self.make(handlers, **more)
        await runner.start()
        self.started.append(runner)
        return runner


@pytest.fixture
async def runners(database: Database, addresses: Addresses) -> AsyncIterator[Runners]:
    made = Runners(database, addresses)
    yield made
    for runner in made.started:
        await runner.stop(grace_seconds=0)


@attrs.define(eq=False)
class OwnServer:
    """A server of a test's own, which it may stop and start again."""

    state_folder: Path
    running: EmbeddedPostgres
    table: Table

    @classmethod
    def make(cls, folder: Path) -> "OwnServer":
        server = EmbeddedPostgres.start(folder / "state", durable=False)
        made = provision(server, folder)
        superuser = server.url(user=server.superuser, database=DATABASE)
        addresses = Addresses(
            superuser=parse_url(superuser, env="tests"),
            owner=parse_url(made.owner, env="tests"),
            application=parse_url(made.application, env="tests"),
        )
        migrate(addresses.owner, addresses.application)
        table = Table(addresses)
        table.prepare()
        return cls(folder / "state", server, table)

    async def stop(self) -> None:
        await asyncio.to_thread(self.running.stop)

    async def start(self) -> None:
        start = EmbeddedPostgres.start
        self.running = await asyncio.to_thread(start, self.state_folder, durable=False)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    # pytest's own folders are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    made = OwnServer.make(folder)
    yield made
    made.running.stop()
    shutil.rmtree(folder)
