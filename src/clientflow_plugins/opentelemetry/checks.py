"""What can be told of the collector, for the checklist."""

from typing import Final

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
)
from clientflow_core.errors import AuthFailed
from clientflow_core.providers.observer import ObserverProvider


async def check_collector(context: CheckContext) -> CheckResult:
    """Post an empty request: the collector must take it."""
    expected = "the collector takes what it is sent"
    observer: ObserverProvider = await context.own_provider("opentelemetry")
    try:
        name = await observer.verify()
    except AuthFailed as error:
        hint = "compare OTEL_EXPORTER_OTLP_HEADERS with what the collector's owner gave you"
        return failed(str(error), expected=expected, hint=hint)
    return passed(f"{name} has taken a request", expected=expected)


CHECKS: Final = (
    CheckSpec(
        id="opentelemetry-collector",
        title="The collector of OpenTelemetry takes what it is sent",
        run=check_collector,
    ),
)
