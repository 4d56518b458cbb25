"""E-mail through SendGrid. Importing this package imports neither its SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.sendgrid.checks import CHECKS
from clientflow_plugins.sendgrid.spec import SENDGRID


class SendgridPlugin(Hooks):
    """Brings the channel ``sendgrid``."""

    @hookimpl
    @override
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        """Give the one channel of this plugin."""
        return (SENDGRID,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = SendgridPlugin()
