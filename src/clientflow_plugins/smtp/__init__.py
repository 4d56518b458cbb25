"""E-mail through any mail server. Importing this package imports neither of its libraries."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.contributions.context import HostContext, Process
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.smtp.checks import CHECKS
from clientflow_plugins.smtp.settings import SmtpSettings
from clientflow_plugins.smtp.spec import SMTP

if TYPE_CHECKING:
    from clientflow_plugins.smtp.intake import MailIntake


class SmtpPlugin(Hooks):
    """Brings the channel ``smtp``, and takes mail in where a port is set for that."""

    def __init__(self) -> None:
        self._intake: MailIntake | None = None

    @hookimpl
    @override
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        """Give the one channel of this plugin."""
        return (SMTP,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the mail server."""
        return CHECKS

    @hookimpl
    @override
    async def clientflow_startup(self, context: HostContext) -> None:
        """Listen for mail, in the process that serves."""
        settings = context.own_settings.get(SmtpSettings)
        if settings is None or settings.intake_port is None or context.process is not Process.SERVE:
            return
        from clientflow_plugins.smtp.intake import MailIntake  # noqa: PLC0415 - the library

        self._intake = MailIntake(settings, log=context.log, clock=context.clock)
        await self._intake.start()

    @hookimpl
    @override
    async def clientflow_shutdown(self, context: HostContext) -> None:
        """Take no mail any more."""
        del context
        if self._intake is not None:
            await self._intake.close()
            self._intake = None


plugin = SmtpPlugin()
