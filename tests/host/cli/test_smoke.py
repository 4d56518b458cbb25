"""The command that tries a running service from outside."""

import json
from pathlib import Path

import pytest

from clientflow_core.ports import free_port
from clientflow_host.cli.smoke import find_target
from tests.commands import Up
from tests.host.cli.conftest import Call


def test_what_up_runs_is_tried_and_kept_for_the_checklist(running_up: Up) -> None:
    result = running_up.run("smoke")
    assert result.returncode == 0, result.stdout
    *steps, last = [line for line in result.stdout.splitlines() if line]
    assert any(line.startswith("✓ TS4  send a message") for line in steps), result.stdout
    assert "0 failed" not in last
    assert running_up.note["url"] in last
    found = json.loads(running_up.run("checklist", "--only", "FP2", "--format", "json").stdout)
    assert [one["status"] for one in found] == ["passed"]


def test_nobody_there_is_told_step_by_step(call: Call) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = call("smoke", "--url", url)
    assert result.returncode == 1
    assert "✗ TS1  health" in result.stdout
    assert "is the service running?" in result.stdout
    assert "Not kept for the checklist: DATABASE_URL is not set" in result.stdout


def test_report_is_json_for_programs(call: Call) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = call("smoke", "--url", url, "--json", DATABASE_URL="postgresql://a:b@127.0.0.1:1/x")
    report = json.loads(result.stdout)
    assert (result.returncode, report["is_good"], report["url"]) == (1, False, url)
    assert {"name", "item", "status", "milliseconds", "found", "hint"} == set(report["steps"][0])
    assert report["not_kept"]


@pytest.mark.parametrize("url", [None, "https://clientflow.example.com/"])
def test_deployment_is_tried_by_whom_the_settings_name(tmp_path: Path, url: str | None) -> None:
    values = {
        "CLIENTFLOW_STATE_DIR": str(tmp_path),
        "CLIENTFLOW_PUBLIC_URL": "https://clientflow.example.com",
        "CLIENTFLOW_SMOKE_API_KEY": "cf_live_x",
        "CLIENTFLOW_SMOKE_EMAIL": "smoke@example.com",
    }
    target = find_target(values, url=url)
    assert target.url == "https://clientflow.example.com"
    assert target.api_key
    assert (target.api_key.reveal(), target.email) == ("cf_live_x", "smoke@example.com")
    assert (target.password, target.stage) == (None, None)
