"""plugin new, plugin verify, and the folder of plugins."""

import json
import re
from pathlib import Path

import pytest

from tests.host.cli.conftest import Call

PAGE = Path(__file__).parents[3] / "docs" / "write-a-provider.md"


@pytest.fixture
def pigeons(tmp_path: Path) -> Path:
    """A folder with the plugin of one file that the documentation shows."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "pigeon.py").write_text(program)
    return tmp_path / "plugins"


def test_new_writes_a_package_and_says_what_to_do_next(call: Call, tmp_path: Path) -> None:
    result = call("plugin", "new", "acme-sms")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "clientflow-acme-sms" / "pyproject.toml").exists()
    for words in ("clientflow-acme-sms/README.md", "cd clientflow-acme-sms", "# To change:"):
        assert words in result.stdout


def test_new_writes_into_the_folder_that_is_named(call: Call, tmp_path: Path) -> None:
    assert call("plugin", "new", "acme-sms", "--into", "a/b c").returncode == 0
    assert (tmp_path / "a" / "b c" / "src" / "clientflow_acme_sms" / "provider.py").exists()
    result = call("plugin", "new", "acme-sms", "--into", "a/b c")
    assert result.returncode == 1
    assert "a/b c is not empty" in result.stderr


def test_new_refuses_a_name_in_a_sentence(call: Call, tmp_path: Path) -> None:
    result = call("plugin", "new", "Acme!")
    assert (result.returncode, result.stdout) == (1, "")
    assert "'Acme!' is no name for a plugin" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("identity", "there is no scaffold for identity yet"),
        ("fax", "'fax' is no kind of provider"),
    ],
)
def test_new_refuses_other_kinds_and_says_which_there_is(
    kind: str, words: str, call: Call, tmp_path: Path
) -> None:
    result = call("plugin", "new", "acme", "--kind", kind)
    said = " ".join((result.stdout + result.stderr).replace("│", " ").split())
    # A mistake in what was typed.
    assert result.returncode == 2
    assert words in said
    assert "channel" in said
    assert list(tmp_path.iterdir()) == []


def test_help_offers_the_kinds_that_there_are(call: Call) -> None:
    shown = " ".join(call("plugin", "new", "--help").stdout.replace("│", " ").split())
    assert "channel carries messages, billing sells plans" in shown
    assert "identity" not in shown


def test_new_writes_a_package_of_another_kind(call: Call, tmp_path: Path) -> None:
    assert call("plugin", "new", "acme-pay", "--kind", "billing").returncode == 0
    package = tmp_path / "clientflow-acme-pay" / "src" / "clientflow_acme_pay"
    assert "BillingProvider" in (package / "provider.py").read_text()


@pytest.mark.parametrize("by_option", [True, False])
def test_folder_of_plugins_is_looked_into(by_option: bool, pigeons: Path, call: Call) -> None:
    if by_option:
        result = call("plugins", "--json", "--plugins-dir", "plugins")
    else:
        result = call("plugins", "--json", CLIENTFLOW_PLUGINS_DIR=str(pigeons))
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["pigeon"]["state"] == "enabled"
    assert rows["twilio"]["state"] == "not set"


def test_folder_of_plugins_that_is_none_is_told(call: Call) -> None:
    result = call("plugins", "--plugins-dir", "nowhere")
    assert result.returncode == 1
    assert "CLIENTFLOW_PLUGINS_DIR: cannot be looked into" in result.stderr


def test_verify_names_the_account(pigeons: Path, call: Call) -> None:
    result = call("plugin", "verify", "--plugins-dir", str(pigeons), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        {
            "name": "pigeon",
            "kind": "channel",
            "account": "the loft +15550100199",
            "problem": None,
            "look_at": [],
            "works": True,
        }
    ]


def test_verify_tells_what_is_missing_without_a_value(pigeons: Path, call: Call) -> None:
    settings = {"TWILIO_ACCOUNT_SID": "not one of theirs"}
    result = call("plugin", "verify", "--plugins-dir", str(pigeons), "--json", **settings)
    assert result.returncode == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["pigeon"]["works"]
    assert not rows["twilio"]["works"]
    assert "TWILIO_AUTH_TOKEN is not set" in rows["twilio"]["problem"]
    assert rows["twilio"]["look_at"] == ["https://console.twilio.com"]
    assert "not one of theirs" not in result.stdout + result.stderr


def test_verify_asks_only_those_that_are_named(pigeons: Path, call: Call) -> None:
    settings = {"TWILIO_ACCOUNT_SID": "AC" + "5" * 32}
    result = call("plugin", "verify", "pigeon", "--plugins-dir", str(pigeons), **settings)
    assert result.returncode == 0
    assert "twilio" not in result.stdout


def test_verify_of_nothing_is_no_success(call: Call) -> None:
    result = call("plugin", "verify")
    assert result.returncode == 1
    assert "no provider is set up" in result.stderr


def test_verify_knows_who_is_there(pigeons: Path, call: Call) -> None:
    result = call("plugin", "verify", "fax", "--plugins-dir", str(pigeons))
    assert result.returncode == 1
    _, _, told = result.stderr.partition("there is no provider 'fax'; there is: ")
    assert {"pigeon", "twilio"} <= set(told.strip().split(", "))


def test_verify_of_a_broken_plugin_says_why_it_is(pigeons: Path, call: Call) -> None:
    (pigeons / "broken.py").write_text("raise ValueError('no corn')")
    result = call("plugin", "verify", "broken", "--plugins-dir", str(pigeons))
    assert result.returncode == 1
    assert "no corn" in result.stderr
