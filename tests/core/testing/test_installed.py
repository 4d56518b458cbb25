"""Checks that look at what is imported and installed, against small distributions in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clientflow_core.registry.discovery import load_plugin
from clientflow_core.registry.installed import describe
from clientflow_core.registry.manifest import (
    Manifest,
    describe_provider,
    manifest_of,
    write_manifest,
)
from clientflow_core.testing import ChannelConformance
from clientflow_core.testing.distributions import distribution_of, entry_point_of, sdk_versions
from clientflow_core.testing.groups import registration
from clientflow_core.testing.skips import Skipped
from tests.core.testing.heliograph.spec import HELIOGRAPH

PLUGIN = """
from collections.abc import Iterable
from clientflow_core.hookspecs import Hooks, hookimpl
from tests.core.testing.heliograph.spec import HELIOGRAPH

class Plugin(Hooks):
    @hookimpl
    def clientflow_channels(self):
        return [HELIOGRAPH]

plugin = Plugin()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    registration.import_once.cache_clear()
    yield tmp_path
    registration.import_once.cache_clear()


def install(
    site: Path,
    name: str,
    *,
    plugin: str = PLUGIN,
    requires: str = "clientflow>=0.1,<1",
    is_typed: bool = True,
) -> type[ChannelConformance]:
    """Install a distribution that brings the package *name*; give what tests it."""
    (site / name).mkdir()
    (site / name / "__init__.py").write_text(plugin)
    if is_typed:
        (site / name / "py.typed").touch()
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    extra = ["Provides-Extra: light", "Requires-Dist: pluggy>=1; extra == 'light'"]
    requirement = [f"Requires-Dist: {requires}"] if requires else []
    (info / "METADATA").write_text("\n".join([*lines, *requirement, *extra]) + "\n")
    (info / "entry_points.txt").write_text(f"[clientflow.plugins]\n{name} = {name}:plugin\n")
    return type(
        "TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": name, "__module__": name}
    )


def failure(suite: type[ChannelConformance], test: str) -> str:
    with pytest.raises(AssertionError) as caught:
        getattr(suite(), test)()
    return str(caught.value)


def test_good_distribution_passes(site: Path) -> None:
    suite = install(site, "flash_good")
    suite().test_is_found_by_its_entry_point()
    suite().test_says_which_core()
    suite().test_is_typed()


def test_import_of_a_light_module_costs_little_and_brings_no_sdk(site: Path) -> None:
    (site / "flash_light.py").write_text("from clientflow_core.hookspecs import Hooks\n")
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_light"})
    suite().test_import_costs_little()
    suite().test_import_brings_no_sdk()


def test_import_that_takes_its_time_is_noticed(site: Path) -> None:
    burn = (
        "import time\nbegun = time.process_time()\nwhile time.process_time() < begun + 0.6: pass\n"
    )
    (site / "flash_slow.py").write_text(burn)
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_slow"})
    assert "importing flash_slow takes" in failure(suite, "test_import_costs_little")


@pytest.mark.parametrize(
    ("program", "named"),
    [
        ("import flash_sdk", "flash_sdk"),
        ("import aiohttp.web", "aiohttp.web"),
        ("import clientflow_core.sandbox", "clientflow_core.sandbox"),
    ],
)
def test_import_that_brings_more_is_noticed(program: str, named: str, site: Path) -> None:
    (site / "flash_sdk.py").touch()
    (site / "flash_greedy.py").write_text(program)
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_greedy"})
    assert named in failure(suite, "test_import_brings_no_sdk")


def test_sdk_that_the_spec_names_is_noticed_wherever_it_lies(site: Path) -> None:
    (site / "flash_all").mkdir()
    (site / "flash_all" / "__init__.py").write_text("import flash_all.sdk, json.tool")
    (site / "flash_all" / "sdk.py").touch()
    spec = attrs.evolve(HELIOGRAPH, sdk_modules=("json",))
    suite = type("TestIt", (ChannelConformance,), {"spec": spec, "module": "flash_all"})
    assert "json.tool" in failure(suite, "test_import_brings_no_sdk")


def test_module_that_cannot_be_imported_alone_is_told(site: Path) -> None:
    (site / "flash_broken.py").write_text("raise ValueError('no sun')")
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_broken"})
    assert "no sun" in failure(suite, "test_import_brings_no_sdk")


def test_module_that_no_entry_point_names_is_noticed(site: Path) -> None:
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_none"})
    assert "no entry point" in failure(suite, "test_is_found_by_its_entry_point")
    assert "not installed" in failure(suite, "test_says_which_core")


def test_entry_point_that_brings_something_else_is_noticed(site: Path) -> None:
    other = PLUGIN.replace("return [HELIOGRAPH]", "return []")
    suite = install(site, "flash_other", plugin=other)
    assert "does not register 'heliograph'" in failure(suite, "test_is_found_by_its_entry_point")


@pytest.mark.parametrize(
    ("name", "requires", "words"),
    [
        ("flash_unbound", "", "does not depend on clientflow"),
        ("flash_anyone", "clientflow<1", "from which version on"),
        ("flash_forever", "clientflow>=0.1", "below which version"),
        ("flash_else", "clientflow-extras>=1,<2", "does not depend on clientflow"),
    ],
)
def test_bound_that_lets_too_much_in_is_noticed(
    name: str, requires: str, words: str, site: Path
) -> None:
    suite = install(site, name, requires=requires)
    assert words in failure(suite, "test_says_which_core")


def write_manifest_of(site: Path, name: str, **more: Any) -> Path:
    """Write the manifest of what :func:`install` has installed, changed by *more*."""
    point = entry_point_of(name)
    assert point
    (installed,) = describe([point])
    made = attrs.evolve(manifest_of(load_plugin(installed), point.dist), **more)
    file = site / name / "clientflow.json"
    file.write_text(write_manifest(made))
    return file


def test_manifest_that_is_what_the_code_says_passes(site: Path) -> None:
    suite = install(site, "flash_said")
    write_manifest_of(site, "flash_said")
    suite().test_manifest_equals_the_code()


def test_plugin_may_do_without_a_manifest(site: Path) -> None:
    suite = install(site, "flash_silent")
    with pytest.raises(Skipped, match="NotSupported: there is no"):
        suite().test_manifest_equals_the_code()


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("flash_older", {"clientflow": ">=0.1"}, "says of clientflow '>=0.1', and the code says"),
        ("flash_empty", {"providers": ()}, "has no provider 'heliograph'"),
        ("flash_busy", {"contributes": ("jobs",)}, "says of contributes ('jobs',)"),
    ],
)
def test_manifest_that_is_not_what_the_code_says_is_noticed(
    name: str, more: dict[str, Any], words: str, site: Path
) -> None:
    suite = install(site, name)
    write_manifest_of(site, name, **more)
    assert words in failure(suite, "test_manifest_equals_the_code")


def test_manifest_of_other_settings_or_without_sense_is_noticed(site: Path) -> None:
    suite = install(site, "flash_other_settings")
    file = write_manifest_of(site, "flash_other_settings")
    file.write_text(file.read_text().replace("HELIOGRAPH_", "MIRROR_"))
    assert "says of settings" in failure(suite, "test_manifest_equals_the_code")
    file.write_text("{}")
    assert "cannot be read" in failure(suite, "test_manifest_equals_the_code")


def test_manifest_of_what_is_not_installed_is_compared_as_far_as_can_be(site: Path) -> None:
    (site / "flash_loose").mkdir()
    (site / "flash_loose" / "__init__.py").touch()
    described = attrs.evolve(describe_provider(HELIOGRAPH, None), sdks={"sun": ">=1"})
    file = site / "flash_loose" / "clientflow.json"
    file.write_text(write_manifest(Manifest(plugin="flash_loose", providers=(described,))))
    suite = type("TestIt", (ChannelConformance,), {"spec": HELIOGRAPH, "module": "flash_loose"})
    suite().test_manifest_equals_the_code()
    file.write_text(file.read_text().replace('"kind": "channel"', '"kind": "billing"'))
    assert "says of kind" in failure(suite, "test_manifest_equals_the_code")


def test_package_without_a_marker_is_noticed(site: Path) -> None:
    suite = install(site, "flash_untyped", is_typed=False)
    assert "no py.typed" in failure(suite, "test_is_typed")


def test_versions_of_plugin_and_sdk_are_found(site: Path) -> None:
    install(site, "flash_versions")
    distribution = distribution_of("flash_versions.deeper")
    assert distribution
    assert distribution.version == "1.0"
    spec = attrs.evolve(HELIOGRAPH, requires="light")
    assert sdk_versions(spec, distribution).keys() == {"pluggy"}
    assert sdk_versions(HELIOGRAPH, distribution) == {}
