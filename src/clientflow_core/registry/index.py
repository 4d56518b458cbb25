"""What is installed, kept from one process to the next: to read every distribution takes longer.

The file is believed only where nobody else can have written it, and while no folder in which
Python looks for modules has changed, nor a manifest.
"""

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from clientflow_core.registry.installed import InstalledPlugin, read_installed
from clientflow_core.registry.manifest import manifest_from

_FORMAT: Final = 1
_LARGEST_BYTES: Final = 4 * 1024 * 1024
# What has changed just now may change again without its time being another one.
_SETTLED_SECONDS: Final = 2.0


def cache_folder(values: Mapping[str, str]) -> Path | None:
    """Tell where the index is kept, by the environment in *values*; None if that says nothing."""
    if named := values.get("XDG_CACHE_HOME"):
        return Path(named, "clientflow") if Path(named).is_absolute() else None
    home = values.get("HOME")
    return Path(home, ".cache", "clientflow") if home else None


def cached_installed(folder: Path | None) -> Sequence[InstalledPlugin]:
    """Give what is installed, from the index in *folder* where that still holds.

    Args:
        folder: keeps the index, where it can; None keeps none.
    """
    if folder is None:
        return read_installed()
    file = folder / f"plugins-{_place()}.json"
    entries = _search_path()
    changed = [_changed_at(entry) for entry in entries]
    kept = _read(file)
    if kept is not None and kept["path"] == [entries, changed] and _is_unchanged(kept["manifests"]):
        with contextlib.suppress(KeyError, TypeError, AttributeError):
            return [_plugin_from(one) for one in kept["plugins"]]
    found = read_installed()
    manifests = {name: _changed_at(name) for plugin in found for name in plugin.looked_at}
    if _is_settled([*changed, *manifests.values()]):
        state = {
            "format": _FORMAT,
            "path": [entries, changed],
            "manifests": manifests,
            "plugins": [attrs.asdict(plugin) for plugin in found],
        }
        _write(file, json.dumps(state))
    return found


def _place() -> str:
    """Name this environment, so that each has a file, and the files do not grow in number."""
    version = ".".join(map(str, sys.version_info[:3]))
    return hashlib.sha256(f"{sys.prefix}\n{version}".encode()).hexdigest()[:16]


def _search_path() -> list[str]:
    return [str(Path(entry or ".").absolute()) for entry in sys.path]


def _changed_at(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a Path takes longer
    except OSError:
        return None


def _is_unchanged(manifests: Mapping[str, int | None]) -> bool:
    return all(_changed_at(name) == at for name, at in manifests.items())


def _is_settled(times: Iterable[int | None]) -> bool:
    newest = max((at for at in times if at is not None), default=0)
    return newest / 1e9 < time.time() - _SETTLED_SECONDS


def _read(file: Path) -> dict[str, Any] | None:
    """Read the index; None if there is none, or it is broken, or others can have written it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not _is_ours(os.fstat(descriptor)):
                return None
            state = json.loads(stream.read(_LARGEST_BYTES))
        is_known = state["format"] == _FORMAT and isinstance(state["manifests"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if is_known and "path" in state and "plugins" in state else None


def _is_ours(found: os.stat_result) -> bool:
    is_closed = not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and is_closed


def _write(file: Path, text: str) -> None:
    """Write the index, whole or not at all; where that cannot be, it is done without."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with 0600, under a name that nobody can have prepared.
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(name, file)  # noqa: PTH105 - of what mkstemp gives
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - as above
            raise


def _plugin_from(state: Mapping[str, Any]) -> InstalledPlugin:
    manifest = state["manifest"]
    return InstalledPlugin(
        name=state["name"],
        value=state["value"],
        distribution=state["distribution"],
        version=state["version"],
        manifest=None if manifest is None else manifest_from(manifest),
        trouble=state["trouble"],
        sdk_troubles=dict(state["sdk_troubles"]),
        looked_at=tuple(state["looked_at"]),
        remark=state["remark"],
    )
