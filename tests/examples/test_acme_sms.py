"""The custom provider: installed from its own distribution, and run beside Twilio."""

import difflib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from clientflow_host.scaffolding import PluginName, render_plugin
from tests.commands import Up, ask, environment, new_room
from tests.examples.acme_sms import ACME_SMS, installed

CLIENT: Final = "+14155550123"
# Comments that say what to change; the block ends with its last indented line.
_GUIDE: Final = re.compile(r"^ *# To change:.*\n(?: *#     .*\n)*\n?", re.MULTILINE)
# What Acme SMS has otherwise than the scaffold; all else it only adds.
CHANGED: Final[Mapping[str, list[str]]] = {
    "src/clientflow_acme_sms/clientflow.json": ['      "capabilities": [],'],
    "src/clientflow_acme_sms/spec.py": [
        "from clientflow_core import ProviderContext, ProviderKind, ProviderSpec",
        "    capabilities=frozenset(),",
    ],
    "src/clientflow_acme_sms/provider.py": [
        "from collections.abc import Mapping",
        "class AcmeSmsChannel(ChannelProvider):",
        '    """Sends texts through one account.',
    ],
    "src/clientflow_acme_sms/errors.py": ["    kind = _kind(answer.status)"],
}


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    with installed() as folder:
        yield folder


@pytest.fixture(scope="module")
def up(site: Path) -> Iterator[Up]:
    """Everything on this machine, with both plugins on their sandboxes."""
    with new_room() as room:
        yield Up.start(room, PYTHONPATH=beside(site), CLIENTFLOW_PLUGINS="acme_sms,twilio")


def beside(site: Path) -> str:
    """Give a path on which the plugin is, and what is on it now."""
    return os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))


# The scaffold and the example are one


def test_it_is_what_the_scaffold_writes_with_little_more() -> None:
    written = render_plugin(PluginName("acme-sms"), "channel")
    for path, text in written.items():
        if path.name == "README.md":
            continue
        ours = (ACME_SMS / path).read_text().splitlines()
        theirs = _GUIDE.sub("", text).splitlines()
        matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
        changed = [
            line
            for kind, begin, end, _, _ in matcher.get_opcodes()
            if kind in {"replace", "delete"}
            for line in theirs[begin:end]
        ]
        assert changed == CHANGED.get(path.as_posix(), []), path


def test_it_uses_nothing_but_the_public_surface() -> None:
    public = {"clientflow_core", "clientflow_core.sandbox", "clientflow_core.testing"}
    for file in ACME_SMS.rglob("*.py"):
        used = re.findall(r"^\s*(?:from|import) (clientflow_\w+[\w.]*)", file.read_text(), re.M)
        foreign = {name for name in used if not name.startswith("clientflow_acme_sms")} - public
        assert not foreign, file


def test_its_readme_names_its_settings() -> None:
    source = (ACME_SMS / "src" / "clientflow_acme_sms" / "settings.py").read_text()
    names = re.findall(r'env="(\w+)"', source)
    assert len(names) == 5
    assert all(f"`{name}`" in (ACME_SMS / "README.md").read_text() for name in names)


# By itself


@pytest.mark.timeout(180)
def test_its_own_tests_pass_on_what_is_installed(site: Path) -> None:
    options = ["-p", "no:cacheprovider", "--rootdir", str(ACME_SMS)]
    tests = str(ACME_SMS / "tests")
    result = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", *options, tests],
        cwd=ACME_SMS,
        env=environment(PYTHONPATH=beside(site)),
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    left_out = [line for line in result.stdout.splitlines() if "left out:" in line]
    # What cannot be asked for afterwards; there is nothing else that it may do without.
    assert all(line.endswith(": the spec does not declare catch_up") for line in left_out)


def test_importing_it_imports_no_server(site: Path) -> None:
    program = (
        "import sys, clientflow_acme_sms\n"
        "print({'aiohttp.web', 'clientflow_acme_sms.provider', 'sqlalchemy'} & set(sys.modules))"
    )
    said = subprocess.check_output(
        [sys.executable, "-P", "-c", program], env=environment(PYTHONPATH=beside(site)), text=True
    )
    assert said.strip() == "set()"


# In the running service


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def command(up: Up, site: Path, *arguments: str, **settings: str) -> Any:
    """Run a command that prints JSON, beside the running service."""
    result = up.run(*arguments, "--json", PYTHONPATH=beside(site), **settings)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def conversation(up: Up, client: str) -> Any:
    listed = up.get("/api/v1/conversations?limit=100")["data"]
    return next((one for one in listed if one["address"] == client), None)


def write(up: Up, provider: str, client: str, body: str) -> Any:
    url = f"{up.note['sandbox_url']}/{provider}/_control/inbound"
    status, told = ask(url, body={"from": client, "body": body})
    assert status == 200, told
    return told


def answer(up: Up, conversation_id: str, body: str) -> Any:
    url = f"{up.note['url']}/api/v1/conversations/{conversation_id}/messages"
    headers = {"Authorization": f"Bearer {up.note['api_key']}"}
    status, sent = ask(url, headers=headers, body={"body": body})
    assert status == 202, sent
    return sent


def texts_to(up: Up, provider: str, client: str) -> list[str]:
    state = ask(f"{up.note['sandbox_url']}/{provider}/_control/state")[1]
    return [text["body"] for text in state["messages"] if text["to"] == client]


def test_up_runs_it_on_its_sandbox_beside_twilio(up: Up, site: Path) -> None:
    rows = {row["name"]: row for row in command(up, site, "plugins")}
    assert rows["acme_sms"]["state"] == rows["twilio"]["state"] == "sandbox"
    assert rows["acme_sms"]["version"] == "0.1.0"
    assert {"ACME_SMS_API_KEY", "TWILIO_AUTH_TOKEN"} <= up.note["settings"].keys()


def test_its_credentials_are_verified(up: Up, site: Path) -> None:
    verdicts = command(up, site, "plugin", "verify")
    assert [(one["name"], one["works"]) for one in verdicts] == [
        ("acme_sms", True),
        ("twilio", True),
    ]


def test_its_checks_are_in_the_list_and_pass_beside_twilios(up: Up, site: Path) -> None:
    only = ("--only", "acme-sms-credentials", "--only", "ET1")
    items = command(up, site, "checklist", *only)
    assert [(one["id"], one["status"]) for one in items] == [
        ("ET1", "passed"),
        ("acme-sms-credentials", "passed"),
    ]
    assert items[1]["found"] == "ClientFlow sandbox answers"
    assert command(up, site, "checklist", "--plugin", "acme_sms") == items[1:]


def test_its_check_fails_with_a_wrong_key_and_says_what_to_correct(up: Up, site: Path) -> None:
    settings = {"PYTHONPATH": beside(site), "ACME_SMS_API_KEY": "another-key"}
    only = ("--only", "acme-sms-credentials")
    result = up.run("checklist", "--format", "json", *only, **settings)
    assert result.returncode == 1
    (item,) = json.loads(result.stdout)
    assert (item["status"], item["hint"]) == ("failed", "correct ACME_SMS_API_KEY")
    assert "the key is not known" in item["found"]
    assert "another-key" not in result.stdout


def test_wrong_key_is_told_with_where_to_look(up: Up, site: Path) -> None:
    result = up.run("plugin", "verify", PYTHONPATH=beside(site), ACME_SMS_API_KEY="another")
    assert result.returncode == 1
    assert "the key is not known" in result.stdout
    assert "https://console.acme-sms.example/keys" in result.stdout
    assert "ClientFlow sandbox" in result.stdout


@pytest.mark.parametrize("provider", ["acme_sms", "twilio"])
def test_text_comes_in_and_its_answer_goes_out_by_the_same_provider(up: Up, provider: str) -> None:
    client = {"acme_sms": "+14155550171", "twilio": "+14155550172"}[provider]
    assert write(up, provider, client, "Is Thursday free?")["statuses"] == [200]
    found = until(lambda: conversation(up, client))
    sent = answer(up, found["id"], f"Yes, says {provider}.")
    until(lambda: up.get(f"/api/v1/messages/{sent['id']}")["status"] == "delivered")
    other = "twilio" if provider == "acme_sms" else "acme_sms"
    assert texts_to(up, provider, client) == [f"Yes, says {provider}."]
    assert texts_to(up, other, client) == []


def test_text_whose_acceptance_nobody_heard_of_goes_out_once(up: Up) -> None:
    write(up, "acme_sms", "+14155550173", "Hello?")
    found = until(lambda: conversation(up, "+14155550173"))
    fault = {"calls": 1, "answer": "cut_after_acceptance"}
    assert ask(f"{up.note['sandbox_url']}/acme_sms/_control/faults", body=fault)[0] == 200
    sent = answer(up, found["id"], "Once.")
    until(lambda: up.get(f"/api/v1/messages/{sent['id']}")["status"] == "delivered")
    assert texts_to(up, "acme_sms", "+14155550173") == ["Once."]


def test_text_that_one_does_not_take_goes_out_once_by_the_other(up: Up) -> None:
    client = "+14155550175"
    write(up, "twilio", client, "Hello?")
    found = until(lambda: conversation(up, client))
    fault = {"calls": 1, "answer": "429", "retry_after_seconds": 3600, "spares_reading": True}
    assert ask(f"{up.note['sandbox_url']}/twilio/_control/faults", body=fault)[0] == 200
    sent = answer(up, found["id"], "By the other.")
    until(lambda: up.get(f"/api/v1/messages/{sent['id']}")["status"] == "delivered")
    assert texts_to(up, "twilio", client) == []
    assert texts_to(up, "acme_sms", client) == ["By the other."]
    attempts = up.get(f"/api/v1/messages/{sent['id']}")["attempts"]
    channels = {one["id"]: one["provider"] for one in up.get("/api/v1/channels")["data"]}
    went = [(channels[one["channel_id"]], one["state"]) for one in attempts]
    assert went == [("twilio", "not_accepted"), ("acme_sms", "accepted")]


def test_its_events_can_be_triggered(up: Up, site: Path) -> None:
    told = command(up, site, "trigger", "acme_sms.text.received", "--set", "from=+14155550174")
    assert [delivery["status"] for delivery in told["deliveries"]] == [200]
    until(lambda: conversation(up, "+14155550174"))
    names = {event["event"] for event in command(up, site, "trigger", "--list")}
    assert {"acme_sms.text.updated", "twilio.inbound-sms"} <= names


@pytest.mark.parametrize("signature", [None, f"t=1767225600,v1={'0' * 64}", "t=1"])
def test_forged_webhook_is_refused(up: Up, signature: str | None) -> None:
    body = {"id": "evt_1", "type": "text.received", "account": "a", "text": {}}
    headers = {"Acme-Sms-Signature": signature} if signature else {}
    status, problem = ask(f"{up.note['url']}/webhooks/acme-sms", headers=headers, body=body)
    assert (status, problem["code"]) == (403, "signature_refused")


def test_console_has_the_phones_of_both(up: Up) -> None:
    with urllib.request.urlopen(up.note["sandbox_url"], timeout=10) as shown:
        page = shown.read().decode()
    assert re.findall(r'<h3 class="provider">(.*?)</h3>', page) == ["Acme SMS", "Twilio SMS"]
    assert page.count('<ol class="steps">') <= 1
