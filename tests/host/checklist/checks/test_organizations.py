"""The checks of what a service begins with."""

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import initialize
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host
from tests.host.purchases import add_purchase

FAR = "https://clientflow.example.com"
LEDGER = {"LEDGER_WEBHOOK_SECRET": "a secret of the tests alone"}


@pytest.fixture
def values(values: dict[str, str]) -> dict[str, str]:
    """With somebody who sells something."""
    return values | LEDGER


@pytest.mark.parametrize("item", ["BO1", "BO2", "BO3"])
async def test_a_service_without_an_organization_is_found(
    host: Host, context: Context, item: str
) -> None:
    for table in ("api_keys", "channels", "organizations"):
        host.rows(f"DELETE FROM {table}")
    found = await ask(item, context())
    assert found.status is CheckStatus.FAILED
    assert "clientflow init" in found.hint


async def test_one_that_nobody_owns_is_found_and_an_owner_mends_it(
    host: Host, context: Context
) -> None:
    assert (await ask("BO1", context())).found == "1"
    found = await ask("BO2", context())
    assert (found.status, found.found) == (CheckStatus.FAILED, "1 of 1 organizations have none")
    [(slug,)] = host.rows("SELECT slug FROM organizations")
    owner = {"email": "owner@example.com", "password": Secret("a password"), "api_key": None}
    database = host.assembly.database
    await initialize(database, name="A", slug=slug, channels=(), **owner)  # type: ignore[arg-type]
    assert (await ask("BO2", context())).status is CheckStatus.PASSED
    # What cannot be told is not said to be well.
    assert (await ask("BO2", context(url=FAR))).status is CheckStatus.SKIPPED


async def test_one_without_a_subscription_is_found_where_any_are_sold(
    host: Host, context: Context
) -> None:
    assert (await ask("BO3", context())).status is CheckStatus.SKIPPED
    found = await ask("BO3", context(url=FAR))
    assert (found.status, found.found) == (CheckStatus.FAILED, "1 of 1 organizations have none")
    add_purchase(host, host.ours.id, plan_key="starter")
    assert (await ask("BO3", context(url=FAR))).status is CheckStatus.PASSED
