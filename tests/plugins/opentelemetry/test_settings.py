import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.settings import load_settings
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings, read_pairs

GOOD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


def test_endpoint_is_enough() -> None:
    settings = load_settings(OpenTelemetrySettings, GOOD)
    assert (settings.service_name, settings.sampler) == ("clientflow", "parentbased_always_on")


@pytest.mark.parametrize(
    ("env", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer secret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "7.5"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-9"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_RESOURCE_ATTRIBUTES", "production"),
    ],
)
def test_malformed_value_is_named(env: str, value: str) -> None:
    with pytest.raises(SettingsError, match=env):
        load_settings(OpenTelemetrySettings, GOOD | {env: value})


def test_pairs_are_percent_encoded() -> None:
    assert read_pairs("authorization=Bearer%20a%3D,x-org=1") == {
        "authorization": "Bearer a=",
        "x-org": "1",
    }
