"""Subscriptions through Stripe. Importing this package imports neither its SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.billing import BillingProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.stripe.checks import CHECKS
from clientflow_plugins.stripe.spec import STRIPE


class StripePlugin(Hooks):
    """Brings the billing provider ``stripe``."""

    @hookimpl
    @override
    def clientflow_billing(self) -> Iterable[ProviderSpec[Any, BillingProvider]]:
        """Give the one billing provider of this plugin."""
        return (STRIPE,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = StripePlugin()
