"""Traces, errors and metrics by OTLP. Importing this imports neither the SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.opentelemetry.checks import CHECKS
from clientflow_plugins.opentelemetry.spec import OPENTELEMETRY


class OpenTelemetryPlugin(Hooks):
    """Brings the observer ``opentelemetry``."""

    @hookimpl
    @override
    def clientflow_observers(self) -> Iterable[ProviderSpec[Any, ObserverProvider]]:
        """Give the one observer of this plugin."""
        return (OPENTELEMETRY,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the collector."""
        return CHECKS


plugin = OpenTelemetryPlugin()
