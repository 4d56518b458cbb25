"""What the descriptions have in common: names, deadlines, and functions that can be awaited."""

import inspect
from typing import Any, Final

import attrs

NAME: Final = r"[a-z][a-z0-9_]*"
LONGEST_NAME: Final = 50

is_name: Final = attrs.validators.and_(
    attrs.validators.matches_re(NAME), attrs.validators.max_len(LONGEST_NAME)
)
"""Lower case, begins with a letter."""


def is_deadline(most: float) -> Any:
    """Give the validator of a number of seconds, more than 0 and at most *most*."""
    return attrs.validators.and_(attrs.validators.gt(0), attrs.validators.le(most))


def is_async(instance: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Make sure that *value* can be awaited when it is called.

    Raises:
        TypeError: it cannot: its work would be done on nobody's deadline, or not at all.
    """
    if not _can_be_awaited(value):
        what = type(instance).__name__
        msg = f"the {attribute.name} of a {what} must be an async function, not {value!r}"
        raise TypeError(msg)


def is_plain(instance: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    """Make sure that *value* is a function whose answer is there when it returns.

    Raises:
        TypeError: it is none, or would have to be awaited, where nobody does.
    """
    if not callable(value) or _can_be_awaited(value):
        what = type(instance).__name__
        msg = f"the {attribute.name} of a {what} must be a plain function, not async: {value!r}"
        raise TypeError(msg)


def _can_be_awaited(value: Any) -> bool:
    call = value if inspect.isroutine(value) else getattr(value, "__call__", value)  # noqa: B004
    return inspect.iscoroutinefunction(call)
