"""Plugins of one file each."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.registry.finding import Wanted, discover_plugins, find_plugins
from clientflow_core.registry.plugin_folder import find_plugin_files
from tests.core.registry.conftest import HEAD

ONE = textwrap.dedent(
    """
    from clientflow_core import Hooks, hookimpl

    class Plugin(Hooks):
        @hookimpl
        def clientflow_channels(self):
            return [spec(__name__.removeprefix("clientflow_plugin_file_"))]

    plugin = Plugin()
    """
)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the modules of this test, whose names the next one uses too."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("clientflow_plugin_file_"):
            del sys.modules[name]


def write(folder: Path, name: str, text: str = HEAD + ONE) -> None:
    (folder / f"{name}.py").write_text(text)


def test_file_is_a_plugin_beside_the_installed_ones(tmp_path: Path) -> None:
    write(tmp_path, "pigeon")
    found = {plugin.name: plugin for plugin in discover_plugins(folder=tmp_path)}
    assert {"pigeon", "twilio"} <= found.keys()
    assert [spec.name for spec in found["pigeon"].specs] == ["pigeon"]
    assert found["pigeon"].distribution is None


def test_file_can_be_asked_for_by_its_name_alone(tmp_path: Path) -> None:
    write(tmp_path, "pigeon")
    write(tmp_path, "broken", "raise ValueError")
    assert [p.name for p in discover_plugins(names=["pigeon"], folder=tmp_path)] == ["pigeon"]


def test_file_is_imported_once_and_its_module_is_known_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, "pigeon")
    first, second = (find_plugin_files(tmp_path)[0].load() for _ in range(2))
    assert first is second
    assert sys.modules[type(first).__module__].plugin is first


def test_files_of_two_folders_with_one_name_are_two(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "pigeon")
    first, second = (find_plugin_files(tmp_path / name)[0].load() for name in ("a", "b"))
    assert first is not second


def test_what_is_no_plugin_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "_shared")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "__pycache__").mkdir()
    assert find_plugin_files(tmp_path) == []
    assert find_plugin_files(None) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pigeon", "raise ValueError('no corn')", "no corn"),
        ("pigeon", "", "has no attribute 'plugin'"),
        ("pigeon", "this is no Python", "SyntaxError"),
        ("pigeon", "plugin = 3", "breaks the rules of registration"),
        ("Carrier-Pigeon", HEAD + ONE, "small letters"),
    ],
)
def test_file_that_is_broken_is_named_with_the_cause(
    name: str, text: str, words: str, tmp_path: Path
) -> None:
    write(tmp_path, name, text)
    with pytest.raises(PluginError) as caught:
        discover_plugins(names=[name], folder=tmp_path)
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_file_that_failed_is_imported_anew_once_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, "pigeon", "raise ValueError")
    with pytest.raises(PluginError):
        discover_plugins(names=["pigeon"], folder=tmp_path)
    write(tmp_path, "pigeon")
    assert discover_plugins(names=["pigeon"], folder=tmp_path)


def test_broken_file_is_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path, "broken", "raise ValueError")
    write(tmp_path, "pigeon")
    found = find_plugins(Wanted(folder=tmp_path))
    assert {"pigeon", "twilio"} <= {plugin.name for plugin in found.plugins}
    assert [one.name for one in found.broken] == ["broken"]


def test_file_with_the_name_of_an_installed_plugin_is_kept_apart(tmp_path: Path) -> None:
    write(tmp_path, "twilio")
    found = find_plugins(Wanted(folder=tmp_path))
    assert "twilio" not in {plugin.name for plugin in found.plugins}
    assert "a file in CLIENTFLOW_PLUGINS_DIR" in found.broken[0].reason
    with pytest.raises(PluginError, match="both bring a plugin named 'twilio'"):
        discover_plugins(folder=tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_folder_that_is_none_is_a_setting_to_mend(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="CLIENTFLOW_PLUGINS_DIR: cannot be looked into"):
        discover_plugins(folder=tmp_path / name)
