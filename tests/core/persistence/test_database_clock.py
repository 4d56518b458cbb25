"""What is decided by several processes together goes by one clock, whichever of theirs is wrong."""

import datetime as dt

import attrs
import pytest
from structlog.testing import capture_logs

from clientflow_core.clock import SystemClock
from clientflow_core.persistence import database_clock as module
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.database_clock import DatabaseClock

HOUR = dt.timedelta(hours=1)
# However busy the machine is that the tests run on.
CLOSE = dt.timedelta(seconds=20)


@attrs.define
class WrongClock:
    """The clock of a machine that is ahead."""

    ahead: dt.timedelta

    def now(self) -> dt.datetime:
        """Give a moment that is not the present one."""
        return SystemClock().now() + self.ahead


def error_of(clock: DatabaseClock) -> dt.timedelta:
    """Tell by how much *clock* is wrong; the database runs on the machine of the tests."""
    return abs(clock.now() - SystemClock().now())


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, dt.timedelta()])
async def test_time_is_that_of_the_database_whatever_the_machine_says(
    database: Database, ahead: dt.timedelta
) -> None:
    clock = DatabaseClock(WrongClock(ahead))
    async with database.system() as transaction:
        await clock.set(transaction)
    assert error_of(clock) < CLOSE
    assert clock.now().tzinfo is dt.UTC


async def test_before_it_is_told_it_is_as_right_as_the_machine() -> None:
    assert error_of(DatabaseClock()) < CLOSE
    assert abs(error_of(DatabaseClock(WrongClock(HOUR))) - HOUR) < CLOSE


async def test_clock_of_the_machine_that_is_put_on_or_back_changes_nothing(
    database: Database,
) -> None:
    machine = WrongClock(dt.timedelta())
    clock = DatabaseClock(machine)
    async with database.system() as transaction:
        await clock.set(transaction)
    machine.ahead = -HOUR
    first, second = clock.now(), clock.now()
    assert error_of(clock) < CLOSE
    assert first <= second


async def test_answer_that_took_too_long_is_left_unless_it_is_the_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROMPT_SECONDS", -1)
    machine = WrongClock(HOUR)
    clock = DatabaseClock(machine)
    async with database.system() as transaction:
        await clock.set(transaction)
        assert error_of(clock) < CLOSE
        machine.ahead = dt.timedelta()
        with capture_logs() as logs:
            await clock.set(transaction)
    assert logs == []


async def test_wrong_clock_is_told_of_once_and_when_it_is_mended(database: Database) -> None:
    machine = WrongClock(HOUR)
    clock = DatabaseClock(machine)
    told = []
    for machine.ahead in (HOUR, HOUR, dt.timedelta()):
        async with database.system() as transaction:
            with capture_logs() as logs:
                await clock.set(transaction)
        told.append([(one["log_level"], one["event"]) for one in logs])
    assert told == [[("warning", "clock_is_wrong")], [], [("info", "clock_is_right_again")]]
