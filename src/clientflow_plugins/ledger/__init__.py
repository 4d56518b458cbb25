"""Billing with nobody behind it: plans of a file, and a ledger of who has paid."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.contributions.jobs import JobSpec
from clientflow_core.contributions.pages import PageSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.billing import BillingProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.ledger.checks import CHECKS
from clientflow_plugins.ledger.pages import PAGE, TELL
from clientflow_plugins.ledger.spec import LEDGER


class LedgerPlugin(Hooks):
    """Brings the billing provider ``ledger``, and the page on which it is paid."""

    @hookimpl
    @override
    def clientflow_billing(self) -> Iterable[ProviderSpec[Any, BillingProvider]]:
        """Give the one provider of this plugin."""
        return (LEDGER,)

    @hookimpl
    @override
    def clientflow_pages(self) -> Iterable[PageSpec]:
        """Give the page where a person writes down who has paid."""
        return (PAGE,)

    @hookimpl
    @override
    def clientflow_jobs(self) -> Iterable[JobSpec]:
        """Give the job that tells the host what has changed."""
        return (TELL,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the plans."""
        return CHECKS


plugin = LedgerPlugin()
