"""People who sign in by Supabase. Importing this imports neither PyJWT nor a web server."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.identity import IdentityProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.supabase.checks import CHECKS
from clientflow_plugins.supabase.spec import SUPABASE


class SupabasePlugin(Hooks):
    """Brings the issuer of identities ``supabase``."""

    @hookimpl
    @override
    def clientflow_identities(self) -> Iterable[ProviderSpec[Any, IdentityProvider]]:
        """Give the one issuer of this plugin."""
        return (SUPABASE,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the project."""
        return CHECKS


plugin = SupabasePlugin()
