"""An organization sets what a provider is called with for it: its own account, its own secrets."""

from collections.abc import Mapping

from clientflow_core import failpoints
from clientflow_core.domain.provider_settings import SealedSettings
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.provider_settings import put_provider_settings
from clientflow_core.persistence.sealing import Sealer
from clientflow_core.registry.registry import ProviderRegistry


async def set_provider_settings(
    transaction: Transaction,
    provider: str,
    values: Mapping[str, str],
    *,
    registry: ProviderRegistry,
    sealer: Sealer,
) -> None:
    """Keep *values*, sealed, in place of all that the organization had set for *provider*.

    After the commit, the registry is to be told by :meth:`ProviderRegistry.drop_settings`.

    Args:
        transaction: of the organization.
        provider: the name of an enabled one.
        values: by the names of the environment variables; an empty one counts as not set.
        registry: the enabled providers.
        sealer: seals them.

    Raises:
        PluginError: the provider is not enabled, or its plugin fails over them.
        SettingsError: with everything that is missing, malformed or not the organization's to set,
            never with its value; or this deployment has no key to seal with.
    """
    own = {env: value for env, value in values.items() if value}
    loaded = registry.load_settings(provider, own)
    organization_id = transaction.scope
    sealed = SealedSettings(
        organization_id=organization_id,
        provider=provider,
        version=new_id(),
        sealed=sealer.seal(own, organization_id=organization_id, provider=provider),
        account=registry.account_of(provider, loaded),
    )
    await put_provider_settings(transaction, sealed)
    failpoints.hit("set_provider_settings.kept")
