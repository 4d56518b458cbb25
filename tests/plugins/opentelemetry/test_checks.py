import pytest

from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.checklist.running import Chosen, run_checks
from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox


@pytest.mark.parametrize(
    ("headers", "status"), [(None, "passed"), ("authorization=Bearer%20x", "failed")]
)
async def test_collector_is_asked(
    sandbox: CollectorSandbox, headers: str | None, status: str
) -> None:
    values = sandbox.settings() | ({"OTEL_EXPORTER_OTLP_HEADERS": headers} if headers else {})
    async with ProviderRegistry.from_values(values, names=["opentelemetry"]) as registry:
        (item,) = await run_checks(registry, public_url="https://a.example", chosen=Chosen())
    assert (item.id, item.status.value) == ("opentelemetry-collector", status)
    assert bool(item.hint) is (status == "failed")
