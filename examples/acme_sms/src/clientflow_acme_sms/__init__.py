"""Texts through Acme SMS. Importing this package imports neither an SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from clientflow_core import ChannelProvider, CheckSpec, Hooks, ProviderSpec, hookimpl
from typing_extensions import override

from clientflow_acme_sms.checks import CHECKS
from clientflow_acme_sms.spec import ACME_SMS

__all__ = ["plugin"]


class AcmeSmsPlugin(Hooks):
    """Brings the channel ``acme_sms``."""

    @hookimpl
    @override
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        """Give the one channel of this plugin."""
        return (ACME_SMS,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = AcmeSmsPlugin()
