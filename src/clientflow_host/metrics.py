"""What is counted, for Prometheus."""

from typing import Final

from prometheus_client import Counter

WEBHOOKS: Final = Counter(
    "clientflow_webhooks",
    "Webhooks that came in, by what became of them: kept, refused, unreadable, too_large,"
    " too_slow, shed, failed.",
    ["webhook", "outcome"],
)
