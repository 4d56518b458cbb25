"""The package of a new plugin: names, folders, and what is written."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.providers.spec import ProviderKind
from clientflow_host.cli import plugin as plugin_command
from clientflow_host.scaffolding import (
    PluginName,
    ScaffoldRefused,
    read_plugin_name,
    render_plugin,
    scaffolded_kinds,
    write_plugin,
)

KINDS = scaffolded_kinds()
LONG = "a-very-long-name-of-provider"


def refusal(name: str) -> str:
    with pytest.raises(ScaffoldRefused) as caught:
        read_plugin_name(name)
    return str(caught.value)


def test_name_takes_each_form_that_is_needed() -> None:
    assert read_plugin_name("acme-sms").forms() == {
        "dashed": "acme-sms",
        "name": "acme_sms",
        "env": "ACME_SMS",
        "class": "AcmeSms",
        "title": "Acme SMS",
        "distribution": "clientflow-acme-sms",
        "package": "clientflow_acme_sms",
    }


def test_underscores_are_taken_for_hyphens() -> None:
    assert read_plugin_name("acme_sms") == PluginName("acme-sms")


@pytest.mark.parametrize(
    "name", ["", "Acme", "1und1", "acme sms", "-acme", "acme-", "a--b", "acmé", "a" * 29, "../x"]
)
def test_name_that_is_none_is_refused(name: str) -> None:
    assert "is no name for a plugin" in refusal(name)


@pytest.mark.parametrize("name", ["clientflow", "core", "host", "plugins"])
def test_name_of_ours_is_refused(name: str) -> None:
    assert "ClientFlow itself uses" in refusal(name)


def test_name_of_an_installed_plugin_is_refused_with_whose_it_is() -> None:
    assert "'twilio' is installed already by clientflow" in refusal("twilio")


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        forms = read_plugin_name(text).forms()
    except ScaffoldRefused:
        return
    assert all(forms[one].isidentifier() for one in ("name", "env", "class", "package"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["vox", "acme-sms", LONG])
def test_what_is_written_is_clean_python_and_a_distribution(
    name: str, kind: str, tmp_path: Path
) -> None:
    files = write_plugin(PluginName(name), kind, into=tmp_path / "new")
    for path in files:
        text = (tmp_path / "new" / path).read_text()
        assert "{{" not in text or path.suffix == ".yml", path
        if path.suffix == ".py":
            ast.parse(text)
            assert ast.get_docstring(ast.parse(text)), path
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["clientflow.plugins"] == {
        name.replace("-", "_"): f"clientflow_{name.replace('-', '_')}:plugin"
    }
    ruff = str(Path(sys.executable).parent / "ruff")
    subprocess.run([ruff, "check", "--quiet", "--no-cache", "."], cwd=tmp_path / "new", check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_a_whole_package(kind: str) -> None:
    files = {path.as_posix() for path in render_plugin(PluginName("vox"), kind)}
    modules = {"__init__", "settings", "spec", "provider", "errors", "sandbox"}
    common = {
        ".github/workflows/tests.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/clientflow_vox/clientflow.json",
        "src/clientflow_vox/py.typed",
        "tests/test_conformance.py",
        *(f"src/clientflow_vox/{module}.py" for module in modules),
    }
    assert common <= files
    # What a kind has beside is a module: nothing is forgotten, such as a file of an editor.
    assert all(path.startswith("src/clientflow_vox/") for path in files - common)
    assert all(path.endswith(".py") for path in files - common)


def test_every_kind_is_one_that_can_be_asked_for() -> None:
    assert set(plugin_command._KINDS) == set(KINDS)
    assert set(plugin_command._KINDS) | plugin_command._LATER == set(ProviderKind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_that_is_to_be_edited_says_what_to_change_first(kind: str) -> None:
    for path, text in render_plugin(PluginName("vox"), kind).items():
        if path.suffix in {".py", ".toml", ".yml"} and path.name != "__init__.py":
            assert "# To change:" in text, path


@pytest.mark.parametrize("kind", KINDS)
def test_readme_names_every_setting(kind: str) -> None:
    files = {path.name: text for path, text in render_plugin(PluginName("vox"), kind).items()}
    names = re.findall(r'env="(\w+)"', files["settings.py"])
    assert names
    assert all(f"`{name}`" in files["README.md"] for name in names)
    assert f"{kind}" in files["test_conformance.py"]


def test_folder_that_is_empty_is_used_and_one_that_is_not_is_refused(tmp_path: Path) -> None:
    write_plugin(PluginName("vox"), "channel", into=tmp_path)
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ScaffoldRefused, match="is not empty; name another folder by --into"):
        write_plugin(PluginName("vox"), "channel", into=tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")
    with pytest.raises(ScaffoldRefused, match="it is a file"):
        write_plugin(PluginName("vox"), "channel", into=tmp_path / "new")


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldRefused, match="cannot be written to"):
        write_plugin(PluginName("vox"), "channel", into=tmp_path / "file" / "new")
