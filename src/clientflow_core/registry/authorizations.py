"""Asking for an authorization at a provider, and taking it back; before any provider is opened."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from clientflow_core.errors import NotFound, PluginError, ProviderRefused, ProviderUnavailable
from clientflow_core.providers.authorization import (
    AuthorizationGrant,
    AuthorizationRequest,
    AuthorizationSpec,
)
from clientflow_core.registry.fence import fenced
from clientflow_core.registry.instances import EnabledProvider
from clientflow_core.registry.leaks import hide, secrets_of
from clientflow_core.registry.registry import ProviderRegistry

T = TypeVar("T")
_SAID: Final = (ProviderRefused, ProviderUnavailable, PluginError)


def find_authorization(enabled: EnabledProvider) -> AuthorizationSpec[Any] | None:
    """Give how users authorize us at a provider, if they can and the operator has set that up."""
    authorization = enabled.spec.authorization
    return (
        authorization
        if authorization is not None and authorization.is_set_up(enabled.settings)
        else None
    )


def authorization_url(registry: ProviderRegistry, name: str, request: AuthorizationRequest) -> str:
    """Give the page at which the provider *name* asks for authorization.

    Raises:
        NotFound: it is not enabled, or nobody can authorize us there.
    """
    enabled, authorization = _find(registry, name)
    return authorization.authorization_url(enabled.settings, request)


async def exchange_grant(
    registry: ProviderRegistry, name: str, grant: AuthorizationGrant
) -> Mapping[str, str]:
    """Give the settings that somebody's authorization amounts to, by their names.

    Raises:
        NotFound: *name* is not enabled, or nobody can authorize us there.
        ProviderRefused: it does not do; it says why to whoever has authorized us.
        AuthFailed: the provider refuses our client.
        ProviderUnavailable: it did not answer.
        PluginError: the plugin failed.
    """
    enabled, authorization = _find(registry, name)
    settings = enabled.settings
    secrets = (grant.code.reveal(), grant.code_verifier.reveal(), *secrets_of(settings))
    return await _asked(
        lambda: authorization.exchange(registry.http, settings, grant), enabled, secrets=secrets
    )


async def revoke_grant(registry: ProviderRegistry, name: str, own: Mapping[str, str]) -> None:
    """Take back the authorization that *own*, the settings of an organization, hold.

    Raises:
        NotFound: *name* is not enabled, or nobody can authorize us there.
        SettingsError: *own* does not fit any more.
        ProviderRefused, AuthFailed, ProviderUnavailable, PluginError: as exchange_grant.
    """
    enabled, authorization = _find(registry, name)
    settings = registry.load_settings(name, own)
    await _asked(
        lambda: authorization.revoke(registry.http, settings), enabled, secrets=secrets_of(settings)
    )


def _find(registry: ProviderRegistry, name: str) -> tuple[EnabledProvider, AuthorizationSpec[Any]]:
    enabled = registry.providers.get(name)
    authorization = find_authorization(enabled) if enabled is not None else None
    if enabled is None or authorization is None:
        msg = f"nobody can connect an account of {name} here"
        raise NotFound(msg)
    return enabled, authorization


async def _asked(
    call: Callable[[], Awaitable[T]], enabled: EnabledProvider, *, secrets: tuple[str, ...]
) -> T:
    """Await what the plugin does; nothing comes out but what its caller is prepared for."""
    name = enabled.spec.name
    try:
        return await fenced(
            call,
            plugin=enabled.plugin,
            what=f"the authorization at {name}",
            deadline_seconds=enabled.spec.deadline_seconds,
        )
    except Exception as error:
        if isinstance(error, _SAID) and hide(error, secrets):
            raise
        msg = f"the authorization at {name} failed ({type(error).__name__})"
        raise PluginError(msg) from (error if hide(error, secrets) else None)
