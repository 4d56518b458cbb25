"""The stand-ins: found, with credentials that are kept, in a process of their own."""

import json
import signal
import stat
from collections.abc import Iterable
from pathlib import Path

import attrs
import pytest

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.finding import discover_plugins
from clientflow_host.sandbox import build_sandboxes, sandbox_settings, sandboxed_specs
from clientflow_host.state import StateFolder, StateFolderUnusable
from clientflow_plugins.twilio.spec import TWILIO
from tests.commands import Command, ask, run, taken_port


def settings_of(folder: Path, specs: Iterable[AnySpec] = (TWILIO,)) -> dict[str, str]:
    boxes = build_sandboxes(
        list(specs),
        StateFolder(folder),
        sandbox_url="http://127.0.0.1:8090",
        host_url="http://127.0.0.1:8080",
    )
    return sandbox_settings(boxes)


def test_every_plugin_of_ours_has_a_stand_in_unless_it_is_local() -> None:
    plugins = [p for p in discover_plugins() if p.distribution == "clientflow"]
    specs = [spec for plugin in plugins for spec in plugin.specs]
    assert sandboxed_specs(plugins) == [spec for spec in specs if not spec.is_local]
    assert specs


def test_settings_lead_to_the_stand_in_and_are_kept(tmp_path: Path) -> None:
    first = settings_of(tmp_path)
    assert first["TWILIO_API_BASE_URL"] == "http://127.0.0.1:8090/twilio"
    assert first["TWILIO_WEBHOOK_URL"] == "http://127.0.0.1:8080/webhooks/twilio"
    assert settings_of(tmp_path) == first
    kept = tmp_path / "sandbox.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()).keys() == {"twilio"}


@pytest.mark.parametrize("kept", [{"TWILIO_ACCOUNT_SID": "AC" + "5" * 32}, {}, "nothing"])
def test_credentials_that_are_missing_are_added(kept: object, tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text(json.dumps({"twilio": kept, "other": 1}))
    made = settings_of(tmp_path)
    if isinstance(kept, dict):
        assert made | kept == made
    assert made["TWILIO_AUTH_TOKEN"]
    assert settings_of(tmp_path) == made
    assert json.loads((tmp_path / "sandbox.json").read_text())["other"] == 1


def test_damaged_credentials_are_told(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("[")
    with pytest.raises(StateFolderUnusable, match=r"sandbox\.json is damaged"):
        settings_of(tmp_path)


@pytest.mark.parametrize(
    ("sandbox", "reason"),
    [
        ("nowhere.sandbox:Box", "cannot be imported: No module named 'nowhere'"),
        ("clientflow_plugins.twilio.sandbox:Nothing", "cannot be imported: .* no attribute"),
        ("clientflow_plugins.twilio.settings:TwilioSettings", "is no ProviderSandbox"),
        ("clientflow_plugins.twilio.sandbox:API_VERSION", "is no ProviderSandbox"),
    ],
)
def test_stand_in_that_cannot_be_made_is_told(sandbox: str, reason: str, tmp_path: Path) -> None:
    spec = attrs.evolve(TWILIO, sandbox=sandbox)
    with pytest.raises(PluginError, match=f"the sandbox of twilio, {sandbox}, {reason}"):
        settings_of(tmp_path, [spec])


def test_command_prints_the_settings_and_serves(tmp_path: Path) -> None:
    with taken_port() as port:
        pass
    settings = {"CLIENTFLOW_SANDBOX_PORT": str(port), "CLIENTFLOW_PORT": "8123"}
    arguments = ("sandbox", "twilio", "--state-dir", str(tmp_path / "state"))
    command = Command.start(*arguments, folder=tmp_path, **settings)
    command.says("TWILIO_WEBHOOK_URL=")
    printed = dict(line.split("=", 1) for line in command.out.read_text().splitlines())
    assert printed["TWILIO_API_BASE_URL"] == f"http://127.0.0.1:{port}/twilio"
    assert printed["TWILIO_WEBHOOK_URL"] == "http://127.0.0.1:8123/webhooks/twilio"
    assert printed["TWILIO_AUTH_TOKEN"] not in command.err.read_text()
    health = ask(f"http://127.0.0.1:{port}/health")
    assert health == (200, {"status": "ok", "sandboxes": ["twilio"]})
    refused = run(*arguments, folder=tmp_path, **settings)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: cannot listen at 127.0.0.1:{port}: something else listens there. Choose another"
        " port by CLIENTFLOW_SANDBOX_PORT\n"
    )
    assert command.stop(signal.SIGINT) == 0


def test_unknown_name_is_told_with_those_there_are(tmp_path: Path) -> None:
    result = run("sandbox", "nobody", "twilio", folder=tmp_path)
    assert result.returncode == 1
    found = [spec.name for plugin in discover_plugins() for spec in plugin.specs if spec.sandbox]
    known = ", ".join(found)
    assert result.stderr == f"error: there is no sandbox of nobody; there is: {known}\n"
