"""Calls through the SDK: what they give is read at once, and what they raise is translated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import stripe

from clientflow_plugins.stripe.errors import map_error

if TYPE_CHECKING:
    from stripe import ListObject

T = TypeVar("T")

_MOST_ITEMS: Final = 2000


async def ask(
    call: Awaitable[stripe.StripeObject],
    read: Callable[[Mapping[str, Any]], T],
    *,
    is_change: bool = False,
) -> T:
    """Give what *read* makes of the answer.

    Args:
        call: through the SDK.
        read: takes the answer as a mapping; what it raises means that nobody can read it.
        is_change: whether the call makes or changes something, so that not knowing matters.

    Raises:
        ProviderError: see :func:`~clientflow_plugins.stripe.errors.map_error`.
    """
    try:
        return read((await call).to_dict())
    except Exception as error:
        raise map_error(error, is_change=is_change) from error


async def ask_all(
    call: "Awaitable[ListObject[Any]]", read: Callable[[Sequence[Mapping[str, Any]]], T]
) -> T:
    """Give what *read* makes of the items of every page, 2000 at most.

    Raises:
        ProviderError: see :func:`~clientflow_plugins.stripe.errors.map_error`.
    """
    try:
        found: list[Mapping[str, Any]] = []
        async for one in _pages(await call).auto_paging_iter():
            found.append(one.to_dict())
            if len(found) >= _MOST_ITEMS:
                break
        return read(found)
    except Exception as error:
        raise map_error(error, is_change=False) from error


def _pages(answer: object) -> "ListObject[Any]":
    # Other objects have the same method, with which the SDK asks on its own, and blocks the loop.
    if not isinstance(answer, stripe.ListObject):
        msg = "the answer is no list"
        raise TypeError(msg)
    return answer
