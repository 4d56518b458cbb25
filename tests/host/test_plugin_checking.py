"""plugin check: what keeps a plugin from being checked, and what is told of one that was."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from clientflow_host.plugin_checking import PluginCheckFailed, check
from clientflow_host.scaffolding import PluginName, write_plugin
from tests.requirements import demand

PLUGIN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "clientflow-vox"
version = "0.1.0"

[project.entry-points."clientflow.plugins"]
vox = "clientflow_vox:plugin"
"""


def refusal(folder: Path) -> str:
    with pytest.raises(PluginCheckFailed) as caught:
        check(folder, profile="quick", say=lambda _: None)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[project", "is no TOML"),
        ("[project]\nname = 'vox'", 'it needs [project.entry-points."clientflow.plugins"]'),
        (PLUGIN.replace("hatchling.build", "setuptools.build_meta"), "built by setuptools"),
    ],
)
def test_folder_that_holds_no_plugin_is_told_why(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert words in refusal(tmp_path)


def test_folder_without_a_project_is_told(tmp_path: Path) -> None:
    assert "pyproject.toml cannot be read (No such file or directory)" in refusal(tmp_path)


def test_plugin_that_cannot_be_built_is_told_with_what_the_builder_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PLUGIN)
    said = refusal(tmp_path)
    assert said.startswith("it cannot be built:")
    assert "Unable to determine which files to ship" in said


def test_sdist_without_tests_is_told(tmp_path: Path) -> None:
    write_plugin(PluginName("vox"), "channel", into=tmp_path)
    file = tmp_path / "pyproject.toml"
    file.write_text(file.read_text().replace('"/tests", ', ""))
    assert "has no folder tests" in refusal(tmp_path)


def demand_kit() -> None:
    found = {point.name for point in entry_points(group="pytest11")}
    demand("clientflow" in found, "pytest does not know the kit: install this checkout anew")


@pytest.mark.timeout(180)
def test_tests_that_cannot_be_collected_are_told_with_their_last_words(tmp_path: Path) -> None:
    demand_kit()
    write_plugin(PluginName("vox"), "channel", into=tmp_path)
    (tmp_path / "src" / "clientflow_vox" / "spec.py").write_text("raise ValueError('no corn')")
    checked = check(tmp_path, profile="quick", say=lambda _: None)
    assert (checked.tier, checked.passed, checked.is_good) == (None, False, False)
    assert "no corn" in (checked.said or "")


@pytest.mark.timeout(180)
def test_plugin_that_believes_every_webhook_is_told_which_check_it_lacks(tmp_path: Path) -> None:
    demand_kit()
    write_plugin(PluginName("vox"), "channel", into=tmp_path)
    file = tmp_path / "src" / "clientflow_vox" / "webhooks.py"
    honest = "if not hmac.compare_digest(expected, digest)"
    assert honest in file.read_text()
    file.write_text(file.read_text().replace(honest, "if not expected"))
    said: list[str] = []
    checked = check(tmp_path, profile="quick", say=said.append)
    assert (checked.name, checked.version, checked.tier) == ("clientflow-vox", "0.1.0", None)
    assert not checked.is_good
    assert any(line.startswith("vox, for bronze: webhook.flipped-byte") for line in checked.missing)
    assert "test_flipped_byte_is_refused" in (checked.said or "")
    assert [line.split()[0] for line in said] == ["built", "installed", "ran"]
