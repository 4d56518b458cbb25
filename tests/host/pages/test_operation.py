"""The page of the checklist: for who runs the service, and for nobody else."""

import datetime as dt
from typing import Final

import pytest

from clientflow_core.persistence.repositories.checklist import (
    StoredResult,
    add_sign_off,
    keep_results,
)
from clientflow_core.release import release
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, Browser

PATH: Final = "/operation/checklist"
as_operator = pytest.mark.parametrize(
    "values", [{"CLIENTFLOW_OPERATORS": EMAIL.upper()}], indirect=True
)


def result(item_id: str, status: str, *, found: str = "it", hint: str = "") -> StoredResult:
    return StoredResult(
        item_id=item_id,
        status=status,
        found=found,
        expected="what should be",
        hint=hint,
        checked_at=dt.datetime(2026, 11, 30, 9, 30, tzinfo=dt.UTC),
    )


async def keep(host: Host, *results: StoredResult, of: str | None = None) -> None:
    async with host.assembly.database.system() as transaction:
        await keep_results(transaction, release=of or release(), results=results)


async def test_owner_of_an_organization_is_no_operator(host: Host, browser: Browser) -> None:
    code, page = await browser.open(PATH)
    assert code == 403
    assert "for who runs the service" in page
    _, page = await browser.open("/contacts")
    assert PATH not in page


@as_operator
async def test_operator_sees_what_was_found_and_what_to_do(host: Host, browser: Browser) -> None:
    await keep(
        host,
        result("EA1", "passed", found="PostgreSQL 18"),
        result("ES5", "failed", found="<none>", hint="Set the address at Stripe."),
        result("FP5", "needs_sign_off"),
    )
    async with host.assembly.database.system() as transaction:
        await add_sign_off(
            transaction,
            item_id="FP5",
            signed_by="Grace",
            evidence="letter of 3 May",
            is_not_applicable=False,
            expires_at=None,
        )
    code, page = await browser.open(PATH)
    assert code == 200
    assert "1 passed, 1 needs sign-off, 1 failed" in page
    assert "&lt;none&gt;" in page
    assert "Set the address at Stripe." in page
    assert "Signed by Grace" in page
    assert "Expected: what should be" in page
    _, page = await browser.open("/contacts")
    assert PATH in page


@as_operator
async def test_answers_of_another_release_are_not_this_ones(host: Host, browser: Browser) -> None:
    await keep(host, result("EA1", "passed"), of="0.0.1")
    _, page = await browser.open(PATH)
    assert "It was not run on this release yet" in page
