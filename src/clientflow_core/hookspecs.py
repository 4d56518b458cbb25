"""The whole surface that a plugin may implement, on one page.

A plugin is a module, named by an entry point in the group ``clientflow.plugins``, with a class
that subclasses :class:`Hooks` and marks what it implements with :data:`hookimpl`::

    class MyPlugin(Hooks):
        @hookimpl
        def clientflow_channels(self) -> "Iterable[ProviderSpec[Any, ChannelProvider]]":
            return [MY_SPEC]

    plugin = MyPlugin()

Hooks register; they run once, at assembly. The work is done by the object that a spec opens.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
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
