"""OpenTelemetry's observer proves what every observer has to."""

from clientflow_core.testing import ObserverConformance
from clientflow_plugins.opentelemetry.spec import OPENTELEMETRY


class TestOpenTelemetry(ObserverConformance):
    spec = OPENTELEMETRY
