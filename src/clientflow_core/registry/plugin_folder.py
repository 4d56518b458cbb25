"""Plugins of one file each, in a folder that the operator names."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import attrs
from typing_extensions import override

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.registry.installed import InstalledPlugin

PLUGINS_DIR_ENV: Final = "CLIENTFLOW_PLUGINS_DIR"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
# Before the name of the module, so that it is never that of another.
_PREFIX: Final = "clientflow_plugin_file_"


@attrs.frozen(kw_only=True)
class PluginFile(InstalledPlugin):
    """A file that holds a plugin under the name ``plugin``.

    Its module can be imported by its ``__name__`` once it is loaded, so that a spec may name its
    sandbox as ``f"{__name__}:MySandbox"``.

    Attributes:
        path: of the file; its name without ``.py`` is the plugin's.
    """

    path: Path

    @override
    def load(self) -> Any:
        """Import the file, once in a process, and give what it calls ``plugin``.

        Raises:
            ImportError: its name cannot be that of a plugin.
            AttributeError: it has no ``plugin``.
            Exception: its own.
        """
        if not _NAME.fullmatch(self.path.stem):
            name = self.path.name
            msg = f"call {name} by small letters, digits and underscores, such as acme_sms.py"
            raise ImportError(msg)
        return _import(self.module, self.path).plugin


def find_plugin_files(folder: Path | None) -> list[InstalledPlugin]:
    """Find the plugins in *folder*: its ``*.py``, save those whose names begin with ``_``.

    Raises:
        SettingsError: it cannot be looked into.
    """
    if folder is None:
        return []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".py")
    except OSError as error:
        problem = f"cannot be looked into: {error.strerror}"
        hint = "name a folder whose files are plugins, or leave it away"
        raise SettingsError([SettingProblem(PLUGINS_DIR_ENV, problem, hint)]) from error
    return [
        PluginFile(name=path.stem, value=f"{_PREFIX}{path.stem}:plugin", path=path.resolve())
        for path in files
        if not path.name.startswith("_")
    ]


def _import(name: str, path: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path} is no Python"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    # Before it runs, since attrs and typing look a class's module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
