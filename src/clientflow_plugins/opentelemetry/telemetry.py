"""OpenTelemetry's SDK, with providers of our own: nothing of it is the process's."""

import importlib.metadata
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import Tracer
from typing_extensions import override

from clientflow_core.release import release
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings, read_pairs

_SCOPE: Final = "clientflow"


class HoldingProcessor(SpanProcessor):
    """Gives each span that has ended to *hold*; those that are not sampled are not recorded."""

    def __init__(self, hold: Callable[[Any], None]) -> None:
        self._hold = hold

    @override
    def on_end(self, span: ReadableSpan) -> None:
        """Take *span*."""
        self._hold(span)


def resource_of(settings: OpenTelemetrySettings) -> Resource:
    """Give what all that is told comes from."""
    own = read_pairs(settings.resource_attributes) if settings.resource_attributes else {}
    return Resource(
        {
            "service.version": release(),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": importlib.metadata.version("opentelemetry-sdk"),
            **own,
            "service.name": settings.service_name,
        }
    )


def tracer_of(resource: Resource, sampler: Sampler, hold: Callable[[Any], None]) -> Tracer:
    """Give a tracer whose spans go to *hold*."""
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(HoldingProcessor(hold))
    return provider.get_tracer(_SCOPE)


def sampler_of(settings: OpenTelemetrySettings) -> Sampler:
    """Give what the settings name."""
    name = settings.sampler.removeprefix("parentbased_")
    plain: Sampler = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": TraceIdRatioBased(settings.sampler_argument),
    }[name]
    return plain if name == settings.sampler else ParentBased(plain)


class Measures:
    """Counts errors, and how long spans take, until the numbers are collected."""

    def __init__(self, resource: Resource) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider(
            metric_readers=[self._reader],
            resource=resource,
            shutdown_on_exit=False,
            exemplar_filter=AlwaysOffExemplarFilter(),
        )
        meter = self._provider.get_meter(_SCOPE)
        self._durations = meter.create_histogram(
            "clientflow.span.duration", unit="s", description="How long it took."
        )
        self._errors = meter.create_counter(
            "clientflow.errors", unit="{error}", description="Errors nobody was prepared for."
        )

    def time(self, name: str, seconds: float, error: BaseException | None) -> None:
        """Note that the span *name* took *seconds*."""
        failed = {"error.type": type(error).__name__} if error else {}
        self._durations.record(seconds, {"span.name": name, **failed})

    def count(self, error: BaseException) -> None:
        """Note *error*."""
        self._errors.add(1, {"error.type": type(error).__name__})

    def collect(self) -> Any:
        """Give the numbers so far; None if there are none."""
        return self._reader.get_metrics_data()

    def close(self) -> None:
        """Forget them."""
        self._provider.shutdown()
