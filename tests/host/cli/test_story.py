"""The story that `clientflow demo` plays."""

import json
import re
from pathlib import Path

from tests.commands import Up, run


def test_story_is_played_step_by_step(running_up: Up) -> None:
    result = running_up.run("demo", "1")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    steps = [line for line in lines if line.startswith("✓ ")]
    assert len(steps) == 5
    text, kept, answered, delivered, arrived = steps
    assert "the provider posts it twice and is answered 200 and 200" in text
    assert re.search(r"conversation cnv_[0-9a-f]{32}, once, after \d+ ms", kept)
    assert re.search(r"it is queued as msg_[0-9a-f]{32}", answered)
    assert re.search(r"took it as SM[0-9a-f]{32} and reported it delivered", delivered)
    assert arrived.endswith("has the answer on the telephone, once")
    assert lines[-2].startswith("A text came in, its answer went out: ")
    assert lines[-1].endswith(f" events list --state-dir {running_up.state}")


def test_what_the_story_told_is_in_no_log(running_up: Up) -> None:
    assert running_up.run("demo").returncode == 0
    (client,) = {one["address"] for one in running_up.get("/api/v1/conversations?limit=1")["data"]}
    events = json.loads(running_up.run("events", "list", "--json").stdout)
    of_twilio = {event["state"] for event in events if event["provider"] == "twilio"}
    assert of_twilio == {"done"}
    logs = [*(running_up.state / "logs").iterdir(), running_up.command.err]
    assert {"serve.log", "worker.log", "sandbox.log"} <= {file.name for file in logs}
    private = [client, client[2:], "boiler", "Thursday", "See you then"]
    private += [running_up.note["settings"][name] for name in ("TWILIO_AUTH_TOKEN",)]
    private += [running_up.note[name] for name in ("api_key", "password")]
    for file in logs:
        told = file.read_text()
        assert not [word for word in private if word in told], file


def test_story_without_up_says_what_to_start(tmp_path: Path) -> None:
    result = run("demo", "1", "--state-dir", str(tmp_path / "no"), folder=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"error: nothing runs on {tmp_path / 'no'} to play on: start `clientflow up` first, or name"
        " its --state-dir\n"
    )
