"""The checks of the release that runs."""

import datetime as dt
import json
from pathlib import Path

import pytest

from clientflow_core import release
from clientflow_core.contributions.checks import CheckStatus
from tests.host.checklist.conftest import Context, ask


async def test_another_release_than_this_is_found(context: Context) -> None:
    found = await ask("DA1", context(release="0.0.1"))
    assert found.status is CheckStatus.FAILED
    assert "0.0.1" in found.expected
    assert "Deploy" in found.hint


async def test_release_that_runs_is_this_one(context: Context) -> None:
    assert (await ask("DA1", context())).status is CheckStatus.PASSED


@pytest.mark.parametrize(("days", "status"), [(29, "passed"), (31, "failed")])
async def test_build_that_is_a_month_old_is_found(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, status: str
) -> None:
    subject = context()
    made = subject.now - dt.timedelta(days=days)
    (tmp_path / "build.json").write_text(json.dumps({"built_at": made.isoformat()}))
    monkeypatch.setattr(release, "_PACKAGE", tmp_path)
    found = await ask("SI5", subject)
    assert found.status == status
    assert f"{days} days ago" in found.found


async def test_checkout_does_not_say_when_it_was_built(context: Context) -> None:
    assert (await ask("SI5", context())).status is CheckStatus.SKIPPED
