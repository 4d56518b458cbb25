"""What is installed, known from entry points and manifests alone: no plugin is imported."""

import contextlib
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.manifest import (
    FILE_NAME,
    Manifest,
    core_versions,
    manifest_paths,
    read_manifest,
)
from clientflow_core.registry.versions import core_trouble, sdk_trouble

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@attrs.frozen(kw_only=True)
class InstalledPlugin:
    """A plugin that can be loaded.

    Attributes:
        name: its entry point's.
        value: ``package.module:object``, as the entry point has it.
        distribution: what ``pip`` calls what brings it; None if nothing does.
        version: of the distribution.
        manifest: what it says of itself; None if it has none, and then only loading it tells.
        trouble: why it is not for this ClientFlow; None if it is.
        sdk_troubles: by provider, what of its SDK is of a version that it cannot use.
        looked_at: where a manifest was looked for.
        remark: why a manifest is there and is not heeded; None if nothing is wrong with it.
    """

    name: str
    value: str
    distribution: str | None = None
    version: str | None = None
    manifest: Manifest | None = None
    trouble: str | None = None
    sdk_troubles: Mapping[str, str] = attrs.field(factory=dict)
    looked_at: tuple[str, ...] = ()
    remark: str | None = None

    @property
    def module(self) -> str:
        """What is imported to load it."""
        return self.value.partition(":")[0].strip()

    @property
    def source(self) -> str:
        """Whose it is, for an error message."""
        return source_of(self.name, self.distribution, self.version)

    def load(self) -> Any:
        """Import it.

        Raises:
            Exception: its own.
        """
        loaded: Any = importlib.import_module(self.module)
        for name in filter(None, self.value.partition(":")[2].split("[")[0].strip().split(".")):
            loaded = getattr(loaded, name)
        return loaded


def read_installed() -> list[InstalledPlugin]:
    """Look at every installed distribution, and at the manifests of those that bring plugins."""
    # By its module, and late: where the index is warm nobody needs it.
    import importlib.metadata  # noqa: PLC0415

    return describe(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))


def describe(points: "Iterable[EntryPoint]") -> list[InstalledPlugin]:
    """Tell what is known of the plugins that *points* name."""
    # A distribution may bring many plugins, and what it asks for takes milliseconds to read.
    asked: dict[tuple[str, str], str | None] = {}
    return [_describe(point, asked) for point in points]


def source_of(name: str, distribution: str | None, version: str | None) -> str:
    """Whose the plugin *name* is, for an error message."""
    return f"the plugin {name!r}" + (f" of {distribution} {version}" if distribution else "")


def _describe(point: "EntryPoint", asked: dict[tuple[str, str], str | None]) -> InstalledPlugin:
    dist = point.dist
    whose = (dist.name, dist.version) if dist else ("", "")
    if whose not in asked:
        asked[whose] = core_versions(dist)
    plugin = InstalledPlugin(
        name=point.name,
        value=point.value,
        distribution=dist.name if dist else None,
        version=dist.version if dist else None,
    )
    paths = manifest_paths(plugin.module)
    plugin = attrs.evolve(plugin, looked_at=tuple(str(path) for path in paths))
    try:
        return _judged(plugin, _find_manifest(plugin, paths), asked=asked[whose])
    except ValueError as error:
        return attrs.evolve(plugin, remark=f"its {FILE_NAME} is not heeded: {error}")


def _judged(
    plugin: InstalledPlugin, manifest: Manifest | None, *, asked: str | None
) -> InstalledPlugin:
    """Give *plugin* with its manifest, and with what of its versions does not fit."""
    source, distribution = plugin.source, plugin.distribution
    wanted = (manifest.clientflow if manifest else None) or asked
    troubles = {
        one.name: sdk_trouble(source, one, distribution=distribution)
        for one in (manifest.providers if manifest else ())
    }
    return attrs.evolve(
        plugin,
        manifest=manifest,
        trouble=core_trouble(source, wanted, distribution=distribution),
        sdk_troubles={name: trouble for name, trouble in troubles.items() if trouble},
    )


def _find_manifest(plugin: InstalledPlugin, paths: Iterable[Path]) -> Manifest | None:
    for path in paths:
        with contextlib.suppress(OSError):
            manifest = read_manifest(path.read_bytes())
            # A package may bring several plugins, and one of them a manifest.
            return manifest if manifest.plugin == plugin.name else None
    return None
