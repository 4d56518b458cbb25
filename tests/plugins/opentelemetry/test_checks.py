import pytest

from clientflow_core.registry.registry import ProviderRegistry
from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox
from tests.checked import checked


@pytest.mark.parametrize(
    ("headers", "status"), [(None, "passed"), ("authorization=Bearer%20x", "failed")]
)
async def test_collector_is_asked(
    sandbox: CollectorSandbox, headers: str | None, status: str
) -> None:
    values = sandbox.settings() | ({"OTEL_EXPORTER_OTLP_HEADERS": headers} if headers else {})
    async with ProviderRegistry.from_values(values, names=["opentelemetry"]) as registry:
        [item] = (await checked(registry, public_url="https://a.example")).values()
    assert item.status.value == status
    assert bool(item.hint) is (status == "failed")
