"""How long a plugin holds on to the event loop while it is awaited."""

import types
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class Held:
    """The longest time, in seconds, for which nothing else could run because of one call."""

    seconds: float = 0.0

    def see(self, seconds: float) -> None:
        """Take one more time into account."""
        self.seconds = max(self.seconds, seconds)


@types.coroutine
def timed(awaitable: Awaitable[T], held: Held) -> Generator[Any, Any, T]:
    """Await *awaitable*, and measure each of its steps from one wait to the next.

    During a step nothing else runs in the loop, so that whose fault it is need not be guessed, as
    it would be by a thread that looks from outside.
    """
    iterator = awaitable.__await__()
    step: Callable[[], Any] = partial(next, iterator)
    while True:
        begun = perf_counter()
        try:
            waits_for = step()
        except StopIteration as end:
            given: T = end.value
            return given
        finally:
            held.see(perf_counter() - begun)
        step = partial(next, iterator)
        try:
            yield waits_for
        except GeneratorExit:
            iterator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is thrown into the plugin
            step = partial(iterator.throw, error)
