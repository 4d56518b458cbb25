"""How calls to providers are counted; the host gives one that counts for Prometheus."""

from typing import Protocol


class CallMeter(Protocol):
    """Is told of every call to a provider; the host counts for Prometheus."""

    def record_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count a call.

        Args:
            provider: its name.
            operation: the method's, such as ``send``.
            outcome: ``ok``; ``timeout``, ``fault`` or ``junk`` where the plugin is to blame; else
                the code of the error.
            seconds: how long it took.
        """
        ...

    def record_held_loop(self, provider: str, operation: str, seconds: float) -> None:
        """Count a call in which the plugin kept everything else from running for *seconds*."""
        ...


class NoMeter:
    """Counts nothing."""

    def record_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Forget it."""

    def record_held_loop(self, provider: str, operation: str, seconds: float) -> None:
        """Forget it."""
