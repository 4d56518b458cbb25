"""Writes the manifests of the plugins of a checkout from their code, and compares them with it."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import attrs

from clientflow_core.errors import ClientFlowError
from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.discovery import load_plugin
from clientflow_core.registry.installed import describe
from clientflow_core.registry.manifest import manifest_of, manifest_paths, write_manifest


class ManifestRefused(ClientFlowError):
    """The manifest of a plugin cannot be written: nothing says where, or what."""

    code = "plugin_manifest_refused"
    remedy = "Do what it says; it is run in the checkout of a plugin that is installed by pip -e."


@attrs.frozen(kw_only=True)
class WrittenManifest:
    """What a manifest has to be.

    Attributes:
        path: where it lies.
        text: what it has to say.
    """

    plugin: str
    path: Path
    text: str

    @property
    def is_there(self) -> bool:
        """Whether it says that already."""
        return self.path.exists() and self.path.read_text("utf-8") == self.text

    def write(self) -> None:
        """Write it."""
        self.path.write_text(self.text, "utf-8")


def manifests_of(folder: Path) -> list[WrittenManifest]:
    """Tell what the manifests of the plugins in *folder* have to be; their code is imported.

    Args:
        folder: has their ``pyproject.toml``.

    Raises:
        ManifestRefused: it has no plugin, or one that is not installed from there.
        PluginError: one cannot be loaded.
    """
    return [_manifest_of(point, folder) for point in _points(folder)]


def _points(folder: Path) -> Iterator[EntryPoint]:
    installed = {(one.name, one.value): one for one in entry_points(group=ENTRY_POINT_GROUP)}
    for name, value in _named_by(folder / "pyproject.toml").items():
        if (name, value) not in installed:
            msg = f"the plugin {name!r} ({value}) is not installed: pip install -e {folder}"
            raise ManifestRefused(msg)
        yield installed[name, value]


def _named_by(file: Path) -> dict[str, str]:
    try:
        project: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{file} cannot be read: name the folder of a plugin ({error})"
        raise ManifestRefused(msg) from error
    named = project.get("project", {}).get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    if not named:
        msg = f'{file} names no plugin: it needs [project.entry-points."{ENTRY_POINT_GROUP}"]'
        raise ManifestRefused(msg)
    return {str(name): str(value) for name, value in named.items()}


def _manifest_of(point: EntryPoint, folder: Path) -> WrittenManifest:
    (installed,) = describe([point])
    paths = [path for path in manifest_paths(installed.module) if path.parent.is_dir()]
    if not paths:
        msg = f"{installed.module} is no package, in which a manifest could lie; make it one"
        raise ManifestRefused(msg)
    if not paths[0].resolve().is_relative_to(folder.resolve()):
        msg = f"{installed.module} is installed elsewhere, in {paths[0].parent}: pip install -e ."
        raise ManifestRefused(msg)
    manifest = manifest_of(load_plugin(installed), point.dist)
    return WrittenManifest(plugin=point.name, path=paths[0], text=write_manifest(manifest))
