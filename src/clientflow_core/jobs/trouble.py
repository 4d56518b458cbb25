"""Which errors say something about a job, and which only about the database at that moment."""

from typing import Final

import psycopg
import sqlalchemy as sa

PASSING_ERRORS: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
    psycopg.OperationalError,
    OSError,
)
"""The database, or what else was asked, is away or busy: it may go well the next time."""

# The connection broke; a deadlock, or the like; the disk is full; too many connections; a lock was
# not to be had; the server is stopping or starting.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES_OF_A_DATABASE_IN_TROUBLE: Final = ("08", "40", "53100", "53300", "55P03", "57P0")
_CUT_OFF: Final = "57014"

_LONGEST_PAUSE_SECONDS: Final = 10.0


def is_database_in_trouble(error: Exception) -> bool:
    """Tell whether *error* would have met whatever was asked of the database at that moment."""
    if isinstance(error, sa.exc.TimeoutError):
        # No connection of the pool was free in time.
        return True
    cause = _cause_of(error)
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_STATES_OF_A_DATABASE_IN_TROUBLE)


def is_cut_off(error: Exception) -> bool:
    """Tell whether a statement took too long: of a slow database, or one that asks for too much."""
    cause = _cause_of(error)
    return isinstance(cause, psycopg.Error) and cause.sqlstate == _CUT_OFF


def traced(error: Exception) -> Exception | None:
    """Give *error* for its traceback, unless it says nothing of our code and comes in crowds."""
    return None if isinstance(error, PASSING_ERRORS) else error


def pause_seconds(attempts: int, *, chance: float) -> float:
    """Tell how long to wait until what the database was no help with is tried again.

    Args:
        attempts: how often the job was begun, which may have been by workers that died.
        chance: from 0 to 1; spreads what failed together over half a pause to each side.
    """
    return min(float(attempts), _LONGEST_PAUSE_SECONDS) * (0.5 + chance)


def _cause_of(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error
