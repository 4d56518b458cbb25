"""Where the guards of a process find who wants to know how long calls to providers take."""

from contextlib import AbstractContextManager

import attrs

from clientflow_core.providers.observers import NOBODY, Observers


@attrs.define(eq=False)
class CallWatch:
    """Times calls for the observers of a process.

    Attributes:
        observers: who is told; nobody until they are opened, which the registry does itself.
    """

    observers: Observers = NOBODY

    def span(self, provider: str, operation: str) -> AbstractContextManager[None]:
        """Time the call of *operation* of *provider* that the block makes."""
        if not self.observers:
            return NOBODY.span("", fields={})
        fields = {"provider": provider, "operation": operation}
        return self.observers.span(f"{provider}.{operation}", fields=fields)
