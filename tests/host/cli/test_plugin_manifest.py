"""plugin manifest, and what is told of plugins that are not imported."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.registry.conftest import GIVES, HEAD
from tests.core.registry.described import manifest, provider
from tests.host.cli.conftest import Call

POISON = "raise RuntimeError('imported')"
PLUGIN = """
from clientflow_core import CommandSpec, Hooks, hookimpl

class Plugin(Hooks):
    @hookimpl
    def clientflow_commands(self):
        return [CommandSpec(name="greet", help="Say hello.", target="builtins:print")]

plugin = Plugin()
"""

Place = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Install a plugin as ``pip install -e`` does; give its checkout."""
    before = set(sys.modules)

    def put(name: str, *, body: str = PLUGIN, requires: str = "clientflow>=0.1,<1") -> Path:
        root = tmp_path / f"checkout-{name}"
        package, info = root / "src" / f"of_{name}", root / "src" / f"of_{name}-2.0.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        (package / "__init__.py").write_text(body)
        point = f"{name} = of_{name}:plugin\n"
        (info / "entry_points.txt").write_text(f"[clientflow.plugins]\n{point}")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: of-{name}\nVersion: 2.0\nRequires-Dist: {requires}\n"
        )
        (root / "pyproject.toml").write_text(
            f'[project.entry-points."clientflow.plugins"]\n{name} = "of_{name}:plugin"\n'
        )
        monkeypatch.syspath_prepend(str(root / "src"))
        return root

    yield put
    for added in set(sys.modules) - before:
        if added.startswith("of_"):
            del sys.modules[added]


def file_of(checkout: Path, name: str) -> Path:
    return checkout / "src" / f"of_{name}" / "clientflow.json"


def describe(checkout: Path, name: str, **more: Any) -> None:
    file_of(checkout, name).write_text(manifest(name, **more))


def rows(call: Call, **settings: str) -> dict[str, dict[str, Any]]:
    result = call("plugins", "--json", **settings)
    assert result.returncode == 0, result.stderr
    return {row["name"]: row for row in json.loads(result.stdout)}


# --- plugin manifest


def test_manifest_is_written_from_the_code_and_compared_with_it(place: Place, call: Call) -> None:
    checkout = place("tool")
    stale = call("plugin", "manifest", str(checkout), "--check")
    assert stale.returncode == 1
    assert "clientflow.json is not what the code says: clientflow plugin manifest" in stale.stdout
    assert not file_of(checkout, "tool").exists()
    written = call("plugin", "manifest", str(checkout))
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout.endswith("clientflow.json is written\n")
    told = json.loads(file_of(checkout, "tool").read_text())
    assert told["clientflow"] == "<1,>=0.1"
    assert told["contributes"] == ["commands"]
    assert call("plugin", "manifest", str(checkout), "--check").returncode == 0
    again = call("plugin", "manifest", str(checkout))
    assert again.stdout.endswith("clientflow.json is what the code says\n")


def test_manifests_of_our_own_plugins_are_written_by_the_same_command(call: Call) -> None:
    checkout = Path(__file__).parents[3]
    result = call("plugin", "manifest", str(checkout), "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_folder_whose_plugin_cannot_be_described_is_told_why(
    place: Place, call: Call, tmp_path: Path
) -> None:
    def refusal(folder: Path) -> str:
        result = call("plugin", "manifest", str(folder))
        assert (result.returncode, result.stdout) == (1, "")
        return result.stderr

    assert "pyproject.toml cannot be read" in refusal(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]")
    assert "names no plugin" in refusal(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project.entry-points."clientflow.plugins"]\nowl = "owl:plugin"\n'
    )
    assert f"the plugin 'owl' (owl:plugin) is not installed: pip install -e {tmp_path}" in (
        refusal(tmp_path)
    )
    checkout = place("tool")
    (tmp_path / "copy").mkdir()
    shutil.copy(checkout / "pyproject.toml", tmp_path / "copy")
    assert "of_tool is installed elsewhere" in refusal(tmp_path / "copy")
    package = checkout / "src" / "of_tool"
    (package / "__init__.py").rename(checkout / "src" / "of_tool.py")
    package.rmdir()
    assert "of_tool is no package" in refusal(checkout)
    broken = place("bad", body=POISON)
    assert "cannot be imported: RuntimeError" in refusal(broken)


# --- plugins


def test_disabled_plugin_is_listed_by_its_manifest_and_not_imported(
    place: Place, call: Call
) -> None:
    checkout = place("fax", body=POISON)
    describe(checkout, "fax")
    result = {"provider": "fax", "distribution": "of-fax", "version": "2.0", "tier": "silver"}
    told = {"format": 1, "providers": [result]}
    file_of(checkout, "fax").with_name("conformance.json").write_text(json.dumps(told))
    row = {"name": "fax", "kind": "channel", "version": "2.0", "tier": "silver", "reason": None}
    assert rows(call)["fax"] == {**row, "state": "not set"}
    disabled = rows(call, CLIENTFLOW_OPTIONAL_PLUGINS="twilio")
    assert disabled["fax"] == {**row, "state": "disabled"}
    assert "of_fax" not in sys.modules
    begun = rows(call, FAX_KEY="k")
    assert begun["fax"]["state"] == "broken"
    assert "imported" in begun["fax"]["reason"]


@pytest.mark.parametrize("listed", [{}, {"FAX_KEY": "k"}, {"CLIENTFLOW_OPTIONAL_PLUGINS": "fax"}])
def test_plugin_for_another_version_is_incompatible(
    listed: dict[str, str], place: Place, call: Call
) -> None:
    describe(place("fax", body=POISON, requires="clientflow>=99"), "fax")
    row = rows(call, **listed)["fax"]
    assert row["state"] == "incompatible"
    assert row["reason"].endswith("upgrade clientflow: pip install 'clientflow>=99'")


def test_provider_whose_sdk_is_of_another_version_is_incompatible(place: Place, call: Call) -> None:
    checkout = place("fax", body=HEAD + GIVES.format(specs="[spec('fax')]"))
    describe(checkout, "fax", providers=(provider("fax", sdks={"attrs": ">=99"}),))
    row = rows(call, FAX_KEY="k", FAX_PORT="1")["fax"]
    assert row["state"] == "incompatible"
    assert row["reason"].endswith("upgrade attrs: pip install 'attrs>=99'")
    assert rows(call)["fax"]["state"] == "not set"


def test_manifest_that_has_grown_old_is_told_beside_its_plugin(place: Place, call: Call) -> None:
    describe(place("fax", body=HEAD + GIVES.format(specs="[spec('fax')]")), "fax", routes=("a",))
    row = rows(call, FAX_KEY="k", FAX_PORT="1")["fax"]
    assert row["state"] == "enabled"
    assert row["reason"].endswith("is not what its code says: clientflow plugin manifest")


# --- plugin verify and x


def test_provider_that_is_not_imported_is_among_those_that_there_are(
    place: Place, call: Call
) -> None:
    describe(place("fax", body=POISON), "fax")
    result = call("plugin", "verify", "owl")
    _, _, told = result.stderr.partition("there is no provider 'owl'; there is: ")
    assert {"fax", "twilio"} <= set(told.strip().split(", "))
    named = call("plugin", "verify", "fax")
    assert "the plugin 'fax' of of-fax 2.0 cannot be imported" in named.stderr


def test_commands_are_listed_by_the_manifest_and_only_the_plugin_that_is_run_is_imported(
    place: Place, call: Call
) -> None:
    for name in ("tool", "evil"):
        checkout = place(name, body=PLUGIN if name == "tool" else POISON)
        greet = {"name": "greet", "help": "Say hello.", "target": "builtins:print"}
        state = json.loads(manifest(name, providers=(), contributes=("commands",)))
        file_of(checkout, name).write_text(json.dumps({**state, "commands": [greet]}))
    shown = call("x").stdout
    assert "tool" in shown
    assert "evil" in shown
    assert not {"of_tool", "of_evil"} & sys.modules.keys()
    assert call("x", "tool", "greet", "hello").stdout == "hello\n"
    assert "of_tool" in sys.modules
    assert "of_evil" not in sys.modules
