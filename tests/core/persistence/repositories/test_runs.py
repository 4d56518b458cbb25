"""What was done to the whole service: the last run of a kind is found."""

import datetime as dt
from typing import Final

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.runs import Run, RunKind, add_run, last_run

NOW: Final = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def run(minutes: int, *, is_good: bool = True, release: str = "1") -> Run:
    at = NOW + dt.timedelta(minutes=minutes)
    return Run(
        kind=RunKind.SMOKE,
        release=release,
        started_at=at,
        finished_at=at,
        is_good=is_good,
        report={"steps": [minutes]},
    )


async def test_last_run_is_found_by_kind_release_and_outcome(database: Database) -> None:
    first, second, third = run(1), run(2, is_good=False), run(3, release="2")
    async with database.system() as transaction:
        for one in (third, first, second):
            await add_run(transaction, one)
    async with database.system() as transaction:
        assert await last_run(transaction, RunKind.SMOKE) == third
        assert await last_run(transaction, RunKind.SMOKE, release="1") == second
        assert await last_run(transaction, RunKind.SMOKE, release="1", is_good=True) == first
        assert await last_run(transaction, RunKind.BACKUP) is None
