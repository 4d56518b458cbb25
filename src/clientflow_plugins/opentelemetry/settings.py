"""What an operator sets for OpenTelemetry, by the names of the standard.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Those of one
signal alone, such as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, are not read.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

# https://www.w3.org/TR/baggage/: names are tokens, and values are percent-encoded.
_PAIR: Final = r"[0-9A-Za-z!#$%&'*+.^_`|~-]+=[!#-+\--:<-\[\]-~]*"
_PAIRS: Final = rf"{_PAIR}(,{_PAIR})*"
_DOCS: Final = "https://opentelemetry.io/docs/languages/sdk-configuration/otlp-exporter/"
_MOST_MILLISECONDS: Final = 3_600_000


@attrs.frozen(kw_only=True)
class OpenTelemetrySettings:
    """Where the collector is, and what it is told."""

    endpoint: str = setting(
        env="OTEL_EXPORTER_OTLP_ENDPOINT",
        help="the collector; /v1/traces and /v1/metrics are added to it",
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="http://localhost:4318",
        console_url=_DOCS,
    )
    headers: Secret | None = setting(
        env="OTEL_EXPORTER_OTLP_HEADERS",
        help="headers that the collector wants, such as a key of its owner",
        default=None,
        pattern=_PAIRS,
        example="authorization=Bearer%20KEY",
    )
    protocol: str = setting(
        env="OTEL_EXPORTER_OTLP_PROTOCOL",
        help="how the collector is spoken to; only by HTTP with protobuf",
        default="http/protobuf",
        pattern="http/protobuf",
    )
    compression: str = setting(
        env="OTEL_EXPORTER_OTLP_COMPRESSION",
        help="gzip or none",
        default="none",
        pattern="gzip|none",
    )
    timeout_milliseconds: int = setting(
        env="OTEL_EXPORTER_OTLP_TIMEOUT",
        help="how long a call may take, in milliseconds; at most 5000 count",
        default=5000,
    )
    traces: str = setting(
        env="OTEL_TRACES_EXPORTER",
        help="otlp, or none to send no traces, and no errors either",
        default="otlp",
        pattern="otlp|none",
    )
    metrics: str = setting(
        env="OTEL_METRICS_EXPORTER",
        help="otlp, or none to send no metrics",
        default="otlp",
        pattern="otlp|none",
    )
    metric_interval_milliseconds: int = setting(
        env="OTEL_METRIC_EXPORT_INTERVAL",
        help="how often metrics are sent, in milliseconds",
        default=60_000,
    )
    service_name: str = setting(
        env="OTEL_SERVICE_NAME",
        help="what this service is called",
        default="clientflow",
        example="clientflow-api",
    )
    resource_attributes: str | None = setting(
        env="OTEL_RESOURCE_ATTRIBUTES",
        help="more about this service, such as where it runs",
        default=None,
        pattern=_PAIRS,
        example="deployment.environment.name=production",
    )
    sampler: str = setting(
        env="OTEL_TRACES_SAMPLER",
        help="which traces are told; errors are in any case",
        default="parentbased_always_on",
        pattern="(parentbased_)?(always_on|always_off|traceidratio)",
    )
    sampler_argument: float = setting(
        env="OTEL_TRACES_SAMPLER_ARG",
        help="which part of all traces, from 0 to 1, where the sampler is traceidratio",
        default=1.0,
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each number that is out of its range."""
        if not 0 <= self.sampler_argument <= 1:
            yield SettingProblem("OTEL_TRACES_SAMPLER_ARG", "must be from 0 to 1")
        for env, number in (
            ("OTEL_EXPORTER_OTLP_TIMEOUT", self.timeout_milliseconds),
            ("OTEL_METRIC_EXPORT_INTERVAL", self.metric_interval_milliseconds),
        ):
            if not 1 <= number <= _MOST_MILLISECONDS:
                yield SettingProblem(env, f"must be from 1 to {_MOST_MILLISECONDS}")


def read_pairs(text: str) -> Mapping[str, str]:
    """Read ``name=value,name=value``, whose values are percent-encoded."""
    pairs = (one.partition("=") for one in text.split(",") if one)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}
