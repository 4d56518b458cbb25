"""Where an error was raised, in words that hold nobody's data.

Python's own rendering repeats what every error says of itself.
"""

import traceback
from collections.abc import Iterator
from typing import Final

from clientflow_core.domain.private_words import hide_private_words

_MOST_ERRORS: Final = 10
_MOST_FRAMES: Final = 50


def words_of(error: BaseException) -> str:
    """Give what *error* says, with what is private hidden."""
    try:
        return hide_private_words(str(error))
    except Exception:  # noqa: BLE001 - one that cannot even say what it is
        return ""


def stack_of(error: BaseException) -> str:
    """Give the frames of *error* and of what has led to it, the outermost first, without values."""
    return "\n".join(line for one in _chain(error) for line in _lines(one))


def _chain(error: BaseException) -> list[BaseException]:
    """Give *error*, after what has led to it, with the members of groups."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < _MOST_ERRORS:
        one = waiting.pop(0)
        if one is None or any(one is other for other in found):
            continue
        found.append(one)
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
    return found[::-1]


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    for frame in traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]:
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    yield f"{type(error).__name__}: {words_of(error)}"
