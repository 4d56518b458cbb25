"""What is kept apart because it cannot be used: named, shown, and in nobody's way."""

from collections.abc import Iterable

import attrs

from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.installed import InstalledPlugin
from clientflow_core.registry.reporting import log


@attrs.frozen(kw_only=True)
class Quarantined:
    """A plugin, or one of its providers, that is kept apart.

    Attributes:
        name: the provider's; the plugin's where its providers are not known.
        plugin: the plugin's.
        version: that of its distribution, if there is one.
        distribution: what ``pip`` calls it.
        summary: why, in a few words that everybody may see.
        reason: why, in full and for operators, and what to do.
        is_incompatible: whether all that is wrong is a version.
        cause: what the plugin raised, for its author.
    """

    name: str
    plugin: str
    version: str | None = None
    distribution: str | None = None
    summary: str
    reason: str
    is_incompatible: bool = False
    cause: BaseException | None = attrs.field(default=None, eq=False, repr=False)


def report_quarantined(quarantined: Iterable[Quarantined]) -> None:
    """Write each to the log."""
    for one in quarantined:
        log().warning(
            "plugin_quarantined",
            plugin=one.plugin,
            provider=one.name,
            version=one.version,
            distribution=one.distribution,
            reason=one.reason,
        )


def kept_apart(plugin: Plugin, spec: AnySpec | None, *, summary: str, reason: str) -> Quarantined:
    """Keep one provider of a *plugin* apart, or all of it."""
    return Quarantined(
        name=spec.name if spec else plugin.name,
        plugin=plugin.name,
        version=plugin.version,
        distribution=plugin.distribution,
        summary=summary,
        reason=reason,
    )


def kept_unloaded(point: InstalledPlugin, *, summary: str, reason: str) -> Quarantined:
    """Keep apart what could not be loaded."""
    return Quarantined(
        name=point.name,
        plugin=point.name,
        version=point.version,
        distribution=point.distribution,
        summary=summary,
        reason=reason,
    )
