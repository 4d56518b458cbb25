"""The whole surface that a plugin may implement, on one page.

A plugin is a module, named by an entry point in the group ``clientflow.plugins``, with a class
that subclasses :class:`Hooks` and marks what it implements with :data:`hookimpl`::

    class MyPlugin(Hooks):
        @hookimpl
        def clientflow_channels(self) -> "Iterable[ProviderSpec[Any, ChannelProvider]]":
            return [MY_SPEC]

    plugin = MyPlugin()

Hooks register; they run once, at assembly. The work is done by the object that a spec opens, or by
the function that it names. Two are moments instead: :meth:`Hooks.clientflow_startup` and
:meth:`Hooks.clientflow_shutdown`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    import attrs

    from clientflow_core.contributions.checks import CheckSpec
    from clientflow_core.contributions.commands import CommandSpec
    from clientflow_core.contributions.context import HostContext
    from clientflow_core.contributions.drafts import SendStep
    from clientflow_core.contributions.events import EventListener
    from clientflow_core.contributions.jobs import JobSpec, ScheduleSpec
    from clientflow_core.contributions.pages import PageSpec
    from clientflow_core.contributions.redactions import RedactionRule
    from clientflow_core.contributions.routes import RouteSpec
    from clientflow_core.contributions.routing import Router
    from clientflow_core.contributions.webhooks import PluginWebhook
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider
    from clientflow_core.providers.observer import ObserverProvider
    from clientflow_core.providers.spec import ProviderSpec

PROJECT: Final = "clientflow"
ENTRY_POINT_GROUP: Final = "clientflow.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Subclass it, so that a type checker holds an implementation to its hook."""

    @hookspec
    def clientflow_channels(self) -> "Iterable[ProviderSpec[Any, ChannelProvider]]":
        """Give the channels that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_billing(self) -> "Iterable[ProviderSpec[Any, BillingProvider]]":
        """Give the billing providers that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_calendars(self) -> "Iterable[ProviderSpec[Any, CalendarProvider]]":
        """Give the calendar providers that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_assistants(self) -> "Iterable[ProviderSpec[Any, AssistantProvider]]":
        """Give the assistants that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_identities(self) -> "Iterable[ProviderSpec[Any, IdentityProvider]]":
        """Give the identity issuers that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_observers(self) -> "Iterable[ProviderSpec[Any, ObserverProvider]]":
        """Give the observers that this plugin brings. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_settings(self) -> "Iterable[type[attrs.AttrsInstance]]":
        """Give classes of settings beside its providers'. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_webhooks(self) -> "Iterable[PluginWebhook]":
        """Give the webhooks of none of its providers. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_routes(self) -> "Iterable[RouteSpec]":
        """Give the addresses of its own in the API. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_pages(self) -> "Iterable[PageSpec]":
        """Give its pages for who is signed in. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_jobs(self) -> "Iterable[JobSpec]":
        """Give the kinds of jobs that it does. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_schedules(self) -> "Iterable[ScheduleSpec]":
        """Give which of its jobs are done at regular times. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_on_event(self) -> "Iterable[EventListener]":
        """Give who wants to be told of what has happened. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_before_send(self) -> "Iterable[SendStep]":
        """Give what looks at a message on its way out. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_route(self) -> "Iterable[Router]":
        """Give what chooses among the channels of a message. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_commands(self) -> "Iterable[CommandSpec]":
        """Give its commands. Called when ``clientflow x`` is typed; pure."""
        return ()

    @hookspec
    def clientflow_checks(self) -> "Iterable[CheckSpec]":
        """Give what it can tell of the running system. Called once, at assembly; pure."""
        return ()

    @hookspec
    def clientflow_redactions(self) -> "Iterable[RedactionRule]":
        """Give what must not stand in any log. Called once, at assembly; pure."""
        return ()

    @hookspec
    async def clientflow_startup(self, context: "HostContext") -> None:
        """Begin what has to run beside a process. Awaited once in each ``serve`` and ``worker``.

        Before it serves or works. What fails, or takes longer than ten seconds, is logged.
        """

    @hookspec
    async def clientflow_shutdown(self, context: "HostContext") -> None:
        """End what startup has begun. Awaited once in each process where that went well.

        After it has stopped to serve or work; in the opposite order of the plugins. What fails, or
        takes longer than five seconds, is logged.
        """
