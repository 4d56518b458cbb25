"""The methods of the interfaces, as the guard has to know them."""

import inspect
import typing
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import attrs

from clientflow_core.registry.results import Fits, fits

READS: Final = frozenset(
    {
        "authenticate",
        "complete",
        "embed",
        "find_messages",
        "find_user",
        "flush",
        "get_subscription",
        "list_busy_times",
        "list_calendars",
        "list_invoices",
        "list_missed",
        "list_plans",
        "list_subscriptions",
        "moderate",
        "open",
        "stream",
        "sync",
        "verify",
    }
)
"""Methods that change nothing at a provider, or nothing but what they cost."""


@attrs.frozen(kw_only=True, eq=False)
class Operation:
    """A method of an interface.

    Attributes:
        name: the method's.
        is_read: whether it changes nothing at the provider, so that it can just be asked again.
        fits: tells whether an answer, or a part of a stream, is of the promised type.
        is_async: whether it is awaited.
        is_stream: whether it gives one part after another.
    """

    name: str
    is_read: bool
    fits: Fits
    is_async: bool = True
    is_stream: bool = False


def operations_of(interface: type) -> Mapping[str, Operation]:
    """Give every method of *interface*, an abstract base class or a Protocol, by its name."""
    return {name: _describe(name, method) for name, method in dict(_methods(interface)).items()}


def _methods(interface: type) -> Iterator[tuple[str, Any]]:
    for one in reversed(interface.__mro__):
        if one.__module__.startswith("clientflow_core."):
            for name, method in vars(one).items():
                if inspect.isfunction(method) and not name.startswith("_"):
                    yield name, method


def _describe(name: str, method: Any) -> Operation:
    given = typing.get_type_hints(method)["return"]
    is_stream = typing.get_origin(given) is AsyncIterator
    promised = typing.get_args(given)[0] if is_stream else given
    return Operation(
        name=name,
        is_read=name in READS,
        # What is given where nothing is promised is in nobody's way.
        fits=_anything if promised is type(None) else fits(promised),
        is_async=inspect.iscoroutinefunction(method),
        is_stream=is_stream,
    )


def _anything(_: object) -> bool:
    return True
