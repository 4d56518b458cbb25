"""All observers of a process, told at once; nobody where none is enabled."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from clientflow_core.errors import ClientFlowError, PluginError
from clientflow_core.providers.observer import Fields, ObserverProvider

_NO_SPAN: Final = contextlib.nullcontext()


class Observers:
    """Tells each of *observers*; where there are none, it does nothing, at next to no cost.

    Args:
        observers: which raise nothing and do not wait, as those of the registry.
    """

    def __init__(self, observers: Sequence[ObserverProvider] = ()) -> None:
        self._observers = tuple(observers)

    def __bool__(self) -> bool:
        """Whether anybody is told."""
        return bool(self._observers)

    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        """Tell of an error that nobody was prepared for; of any other, nobody is told.

        Args:
            error: of a :class:`PluginError` its cause is told, which is where the fault lies.
            fields: ids, codes and names of our own; never a person's data.
        """
        if not self._observers or not is_unexpected(error):
            return
        told = (error.__cause__ or error) if isinstance(error, PluginError) else error
        for one in self._observers:
            one.report_error(told, fields=fields)

    def span(self, name: str, *, fields: Fields) -> AbstractContextManager[None]:
        """Time what the block does; see :meth:`ObserverProvider.span`."""
        if not self._observers:
            return _NO_SPAN
        if len(self._observers) == 1:
            return self._observers[0].span(name, fields=fields)
        return self._spans(name, fields)

    @contextlib.contextmanager
    def _spans(self, name: str, fields: Fields) -> Iterator[None]:
        with ExitStack() as stack:
            for one in self._observers:
                stack.enter_context(one.span(name, fields=fields))
            yield


NOBODY: Final = Observers()


def is_unexpected(error: BaseException) -> bool:
    """Tell whether nobody was prepared for *error*: it is none of ours, or a plugin's fault."""
    return not isinstance(error, ClientFlowError) or isinstance(error, PluginError)
