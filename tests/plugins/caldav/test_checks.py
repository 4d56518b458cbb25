"""What the checklist tells of the account, asked of the sandbox."""

import pytest

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from tests.checked import checked


async def told(sandbox: CaldavSandbox, **changed: str) -> CheckResult:
    """Run the one check."""
    values = sandbox.settings() | changed
    async with ProviderRegistry.from_values(values, names=["caldav"]) as registry:
        [item] = (await checked(registry, public_url="http://nobody")).values()
    return item


async def test_a_calendar_to_write_to_passes(sandbox: CaldavSandbox) -> None:
    item = await told(sandbox)
    assert (item.status.value, item.found) == ("passed", "Appointments")


async def test_without_one_it_fails_and_says_what_to_do(sandbox: CaldavSandbox) -> None:
    sandbox._collections["appointments"].is_writable = False
    item = await told(sandbox)
    assert (item.status.value, item.found) == ("failed", "none among 2")
    assert "shared with the account" in item.hint


@pytest.mark.parametrize("password", ["wrong-password"])
async def test_a_wrong_password_fails_and_is_not_shown(
    sandbox: CaldavSandbox, password: str
) -> None:
    item = await told(sandbox, CALDAV_PASSWORD=password)
    assert item.status.value == "failed"
    assert "CALDAV_PASSWORD" in item.hint
    assert password not in str(item)
