"""docs/capabilities.md: written from the specs of our plugins, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from clientflow_core.providers.spec import Capability, ProviderKind
from clientflow_host import capabilities_page as page

ROOT = Path(__file__).parents[2]


def test_page_is_what_the_specs_say() -> None:
    written = (ROOT / page.PAGE).read_text("utf-8")
    assert written == page.capabilities_page(), f"write it anew: {page.COMMAND}"


def test_page_has_every_kind_and_capability_with_its_meaning() -> None:
    text = page.capabilities_page()
    assert list(page._TITLES) == list(ProviderKind)
    for capability in Capability:
        rows = [line for line in text.splitlines() if line.startswith(f"| `{capability}` |")]
        assert rows
        assert all(row.split(" | ")[2].endswith(". |") for row in rows), rows


def test_page_tells_who_can_what() -> None:
    (row,) = (line for line in page.capabilities_page().splitlines() if "(`twilio`)" in line)
    assert row == (
        "| Twilio SMS (`twilio`) | `pip install 'clientflow[twilio]'` |"
        " `/webhooks/twilio`, `/webhooks/twilio-status` | yes | yes |"
    )


def test_page_is_of_our_own_plugins_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_OWN_DISTRIBUTION", "another")
    assert page.capabilities_page().count(page._NOBODY) == len(ProviderKind)


def test_page_is_written_into_a_checkout_and_nowhere_else(tmp_path: Path) -> None:
    def write() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *page.COMMAND.split()[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    refused = write()
    assert (refused.returncode, "no checkout of ClientFlow" in refused.stderr) == (1, True)
    (tmp_path / "docs").mkdir()
    assert write().returncode == 0
    assert (tmp_path / page.PAGE).read_text("utf-8") == (ROOT / page.PAGE).read_text("utf-8")
