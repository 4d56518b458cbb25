"""Texts through Twilio. Importing this package imports neither its SDK nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.twilio.checks import CHECKS
from clientflow_plugins.twilio.spec import TWILIO


class TwilioPlugin(Hooks):
    """Brings the channel ``twilio``."""

    @hookimpl
    @override
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        """Give the one channel of this plugin."""
        return (TWILIO,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = TwilioPlugin()
