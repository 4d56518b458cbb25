"""Stand-ins that were started anew know nothing, and nothing is held against them."""

from clientflow_core.services.forget_providers import forget_providers
from tests.core.services.calendars.almanac import NAME, CalendarStage


async def _forget(stage: CalendarStage, *names: str) -> None:
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await forget_providers(transaction, names, registry=stage.registry)


def _sell(stage: CalendarStage, provider: str) -> None:
    organization = str(stage.business.organization_id)
    stage.rows(
        "INSERT INTO billing_customers (organization_id, provider, provider_customer_id)"
        f" VALUES ('{organization}', '{provider}', 'cus_{provider}')"
    )
    stage.rows(
        "INSERT INTO subscriptions (organization_id, id, provider, provider_subscription_id,"
        " provider_customer_id, status, period_start, period_end, is_ending, read_number)"
        f" VALUES ('{organization}', gen_random_uuid(), '{provider}', 'sub_1', 'cus_{provider}',"
        " 'active', now(), now() + interval '1 month', false, 1)"
    )


async def test_what_was_bought_there_is_forgotten_and_nothing_else(stage: CalendarStage) -> None:
    _sell(stage, "forgetful")
    _sell(stage, "faithful")
    await _forget(stage, "forgetful")
    for table in ("subscriptions", "billing_customers"):
        assert stage.rows(f"SELECT provider FROM {table}") == [("faithful",)]


async def test_calendars_of_theirs_are_synced_and_watched_anew(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    await _forget(stage, "another")
    assert stage.rows("SELECT kind FROM jobs") == []
    await _forget(stage, NAME)
    kinds = stage.rows("SELECT kind FROM jobs ORDER BY kind")
    assert kinds == [("sync_calendar",), ("watch_calendar",)]
    first = stage.calendar("watch_id")
    await stage.work()
    assert stage.calendar("watch_id") != first
