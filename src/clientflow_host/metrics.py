"""What is counted, for Prometheus."""

import functools
from typing import Final

from prometheus_client import Counter, Histogram

WEBHOOKS: Final = Counter(
    "clientflow_webhooks",
    "Webhooks that came in, by what became of them: kept, refused, unreadable, too_large,"
    " too_slow, shed, failed.",
    ["webhook", "outcome"],
)

_CALLS: Final = Counter(
    "clientflow_provider_calls",
    "Calls to providers, by how they ended: ok; timeout, fault or junk where the plugin is to"
    " blame; cancelled; else the code of the error.",
    ["provider", "operation", "outcome"],
)
_SECONDS: Final = Histogram(
    "clientflow_provider_call_seconds",
    "How long calls to providers took.",
    ["provider", "operation"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
_HELD: Final = Counter(
    "clientflow_provider_held_loop",
    "Calls in which a plugin kept everything else in its process from running for too long.",
    ["provider", "operation"],
)


# To look a counter up by its labels takes several times as long as to count. There are as many as
# there are operations of the providers that are enabled, and ways to end.
_calls: Final = functools.cache(_CALLS.labels)
_seconds: Final = functools.cache(_SECONDS.labels)


class PrometheusMeter:
    """Counts the calls to providers."""

    def record_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count a call that took *seconds* and ended in *outcome*."""
        _calls(provider, operation, outcome).inc()
        _seconds(provider, operation).observe(seconds)

    def record_held_loop(self, provider: str, operation: str, seconds: float) -> None:
        """Count a call that kept everything else from running; how long is in the log."""
        _HELD.labels(provider, operation).inc()
