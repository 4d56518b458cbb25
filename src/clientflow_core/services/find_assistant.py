"""Which assistant drafts."""

from clientflow_core.errors import Conflict
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry


def find_assistant(registry: ProviderRegistry) -> str | None:
    """Name the assistant that drafts: the first that an outside provider stands behind, if any."""
    found = [
        one.spec for one in registry.providers.values() if one.spec.kind is ProviderKind.ASSISTANT
    ]
    # A stable sort: among equals the order of the registry stays.
    return next((spec.name for spec in sorted(found, key=lambda spec: spec.is_local)), None)


def choose_assistant(registry: ProviderRegistry) -> str:
    """Name the assistant that drafts.

    Raises:
        Conflict: none is enabled.
    """
    found = find_assistant(registry)
    if found is None:
        msg = "no assistant is enabled: set one up, such as local_assistant, which needs no key"
        raise Conflict(msg)
    return found
