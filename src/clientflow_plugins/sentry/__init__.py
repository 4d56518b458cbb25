"""Errors and traces to Sentry. Importing this package imports neither its SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.sentry.checks import CHECKS
from clientflow_plugins.sentry.spec import SENTRY


class SentryPlugin(Hooks):
    """Brings the observer ``sentry``."""

    @hookimpl
    @override
    def clientflow_observers(self) -> Iterable[ProviderSpec[Any, ObserverProvider]]:
        """Give the one observer of this plugin."""
        return (SENTRY,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the project."""
        return CHECKS


plugin = SentryPlugin()
