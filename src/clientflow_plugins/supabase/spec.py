"""The description of the issuer, light enough to be imported where Supabase is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.supabase.settings import SupabaseSettings

if TYPE_CHECKING:
    from clientflow_plugins.supabase.provider import SupabaseIdentities


@contextlib.asynccontextmanager
async def open_supabase(
    context: ProviderContext, settings: SupabaseSettings
) -> AsyncIterator["SupabaseIdentities"]:
    """Give the issuer; PyJWT is imported here, and no call is made.

    Raises:
        PluginError: PyJWT is not installed.
    """
    try:
        from clientflow_plugins.supabase.provider import (  # noqa: PLC0415 - the SDK
            SupabaseIdentities,
        )
    except ImportError as error:
        msg = "PyJWT is missing: install clientflow[supabase]"
        raise PluginError(msg) from error
    yield SupabaseIdentities(context, settings)


SUPABASE: Final[ProviderSpec[SupabaseSettings, "SupabaseIdentities"]] = ProviderSpec(
    kind=ProviderKind.IDENTITY,
    name="supabase",
    title="Supabase Auth",
    settings=SupabaseSettings,
    open=open_supabase,
    capabilities=frozenset({Capability.USER_LOOKUP}),
    deadline_seconds=10.0,
    sandbox="clientflow_plugins.supabase.sandbox:SupabaseSandbox",
    requires="supabase",
    sdk_modules=("jwt", "cryptography"),
)
