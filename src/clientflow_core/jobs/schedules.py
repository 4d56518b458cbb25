"""What is to be done at regular times: one job for each slot, however many workers there are.

A slot is a row whose key is the schedule's name and the beginning of the slot, by the database's
clock. Whoever writes it first makes the job in the same statement. What becomes of the slots that
went by while no worker ran, each schedule says for itself.
"""

import enum
from collections.abc import Sequence

import attrs

from clientflow_core import failpoints
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import MOST_ATTEMPTS
from clientflow_core.persistence.repositories.scheduled_slots import fill_slots


class CatchUp(enum.StrEnum):
    """What is made up for after a time in which no worker ran.

    *once* asks for one job, at once, however many slots were missed: for what sees to everything
    that has come together. *all* asks for one for each slot: for what belongs to its slot, whose
    beginning is the argument ``slot``. *skip* asks for none, and waits for the next slot: for what
    is only good at its time, and has missed it if nobody saw its slot within a minute.
    """

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@attrs.frozen(kw_only=True)
class Schedule:
    """A job that is asked for again and again.

    Attributes:
        name: tells it from others; its slots are kept under it, so it must stay the same.
        every_seconds: how long a slot is; the slots are counted from midnight of 1 January 1970.
        lane: where the job goes.
        kind: of the job, which belongs to no organization and has no arguments but, where all that
            was missed is made up for, ``slot``.
        max_attempts: after so many it is a dead letter.
        catch_up: what is made up for after a time in which no worker ran.
    """

    name: str
    every_seconds: int = attrs.field(validator=attrs.validators.ge(1))
    lane: str
    kind: str
    max_attempts: int = MOST_ATTEMPTS
    catch_up: CatchUp = CatchUp.ONCE


async def tick(database: Database, schedules: Sequence[Schedule]) -> None:
    """Ask for the jobs of *schedules* that are due and that nobody has asked for yet."""
    if not schedules:
        return
    async with database.system() as transaction:
        await fill_slots(
            transaction,
            names=[schedule.name for schedule in schedules],
            every_seconds=[schedule.every_seconds for schedule in schedules],
            lanes=[schedule.lane for schedule in schedules],
            kinds=[schedule.kind for schedule in schedules],
            max_attempts=[schedule.max_attempts for schedule in schedules],
            catch_ups=[schedule.catch_up.value for schedule in schedules],
        )
        failpoints.hit("jobs.ticked")
