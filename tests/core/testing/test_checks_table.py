"""The table of checks in the documentation is that of the code."""

from pathlib import Path

import pytest

from clientflow_core.testing import ChannelConformance, WebhookConformance, checks_of
from clientflow_core.testing.checks_table import COMMAND, PAGE, main, suites, with_table

ROOT = Path(__file__).parents[3]


def test_page_has_every_check_as_it_is() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    assert page == with_table(page), f"run: {COMMAND}"
    for suite in suites():
        for check_id in checks_of(suite):
            assert f"| `{check_id}` |" in page


def test_row_names_the_kinds_that_a_check_serves() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    rows = {line.split("|")[1].strip(" `"): line.split("|")[3].strip() for line in _rows(page)}
    assert rows["channel.sends-once"] == "channel"
    assert rows["charge.same-key-is-one-effect"] == "billing"
    assert rows["import.costs-little"] == "all"


def _rows(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 5]


def test_every_check_says_what_it_asks_for() -> None:
    for suite in suites():
        for check in checks_of(suite).values():
            assert check.meaning.endswith("."), check.id
            assert check.test.startswith("test_"), check.id


def test_webhook_suite_is_a_part_of_the_whole() -> None:
    assert checks_of(WebhookConformance).keys() < checks_of(ChannelConformance).keys()


def test_page_is_written_in_a_checkout_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main() == 1
    assert "checkout" in capsys.readouterr().err
    (tmp_path / "docs").mkdir()
    (tmp_path / PAGE).write_text((ROOT / PAGE).read_text("utf-8").replace("| bronze |", "| tin |"))
    assert main() == 0
    assert (tmp_path / PAGE).read_text("utf-8") == (ROOT / PAGE).read_text("utf-8")
