"""Manifests for the distributions of these tests."""

from typing import Any

from clientflow_core.registry.manifest import (
    DescribedProvider,
    DescribedSetting,
    Manifest,
    write_manifest,
)


def provider(name: str, **more: Any) -> DescribedProvider:
    """Describe the channel that ``spec(name)`` makes."""
    settings = tuple(
        DescribedSetting(env=f"{name.upper()}_{last}", is_required=True) for last in ("KEY", "PORT")
    )
    given = {"kind": "channel", "name": name, "title": name.title(), "settings": settings, **more}
    return DescribedProvider(**given)


def manifest(name: str, **more: Any) -> str:
    """Give the manifest of a plugin that brings ``spec(name)``."""
    return write_manifest(Manifest(**{"plugin": name, "providers": (provider(name),), **more}))
