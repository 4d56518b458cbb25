"""How far a sync has come, as a text of ours around the server's token."""

import datetime as dt
import json
from typing import Final

import attrs

from clientflow_core.errors import CursorExpired

_PAST: Final = dt.timedelta(days=90)
_AHEAD: Final = dt.timedelta(days=400)
# Then what is repeated has come nearer by a month, and more of it is read.
_LASTS: Final = dt.timedelta(days=30)


@attrs.frozen
class Window:
    """The days of which each time of what is repeated is an event: from *first* to before *end*."""

    first: dt.date
    end: dt.date


@attrs.frozen(kw_only=True)
class Cursor:
    """A place in a sync.

    Attributes:
        token: the server's, since which changes are asked for; empty from the beginning.
        end_token: that of the first page, up to where the pages go; empty before it.
        after: the name of the last resource that has come of these pages.
        day: when it was begun, by which the window is found.
    """

    token: str
    day: dt.date
    end_token: str = ""
    after: str = ""

    @property
    def window(self) -> Window:
        """The days of what is repeated; the same for all that is asked by this cursor."""
        return Window(self.day - _PAST, self.day + _AHEAD)

    def written(self) -> str:
        """Write it."""
        fields = [self.token, self.day.isoformat(), self.end_token, self.after]
        return json.dumps(fields, separators=(",", ":"))


def read_cursor(text: str | None, *, today: dt.date) -> Cursor:
    """Read a cursor; without one it begins today.

    Raises:
        CursorExpired: it is none, or so old that the window has to be moved on.
    """
    if text is None:
        return Cursor(token="", day=today)
    try:
        token, day, end_token, after = (str(one) for one in json.loads(text))
        cursor = Cursor(
            token=token, day=dt.date.fromisoformat(day), end_token=end_token, after=after
        )
    except (ValueError, TypeError, RecursionError) as error:
        msg = "the cursor is none of ours"
        raise CursorExpired(msg) from error
    if today - cursor.day > _LASTS:
        msg = "the calendar is read anew once a month, for what is repeated further on"
        raise CursorExpired(msg)
    return cursor
