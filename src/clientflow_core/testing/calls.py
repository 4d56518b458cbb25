"""What a provider of some kind is asked day by day; the checks of every kind try it out."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class OrdinaryCall:
    """One thing that a provider is asked.

    Attributes:
        name: of the method.
        ask: asks a provider; each time for something new, never for a repetition.
        is_change: whether it makes or changes something, so that it matters whether it was done.
    """

    name: str
    ask: Callable[[Any], Awaitable[Any]]
    is_change: bool
