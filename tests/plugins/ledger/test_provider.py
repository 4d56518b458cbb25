"""The provider on records in memory: what the kit cannot know of it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckStatus
from clientflow_core.domain.billing import BilledOrganization, CheckoutRequest
from clientflow_core.errors import EditConflict, ProviderUnavailable, RejectedInput
from clientflow_core.providers.records import MemoryRecords, MemoryRecordStore, Record
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.ledger import books
from clientflow_plugins.ledger.catalogue import EXAMPLES
from clientflow_plugins.ledger.checks import check_catalogue
from clientflow_plugins.ledger.provider import LedgerBilling
from clientflow_plugins.ledger.settings import LedgerSettings
from clientflow_plugins.ledger.webhooks import CHANGES

ORGANIZATION = BilledOrganization(
    organization_id=uuid.UUID(int=7), name="Ada & Sons", email="ada@example.com"
)
SETTINGS = LedgerSettings(webhook_secret=Secret("a secret of the tests alone"))
NOW = SystemClock().now()


class Busy(MemoryRecords):
    """Records that somebody else has changed just before."""

    conflicts = 0

    @override
    async def put(self, *args: Any, **more: Any) -> Record:
        if self.conflicts and more.get("if_version"):
            self.conflicts -= 1
            raise EditConflict("another version is there")
        return await super().put(*args, **more)


@attrs.define(eq=False)
class BusyStore(MemoryRecordStore):
    busy: Busy = attrs.field(factory=Busy)

    @override
    def of(self, organization_id: uuid.UUID) -> MemoryRecords:
        return self.busy


@contextlib.asynccontextmanager
async def opened(public_url: str | None = "http://a.example") -> AsyncIterator[LedgerBilling]:
    async with aiohttp.ClientSession() as http:
        context = ProviderContext(http=http, public_url=public_url, records=BusyStore())
        yield LedgerBilling(context, SETTINGS)


def busy(ledger: LedgerBilling) -> Busy:
    found = ledger._records.of(uuid.UUID(int=7))
    assert isinstance(found, Busy)
    return found


async def checkout(ledger: LedgerBilling, *, key: str = "k", plan: str = "starter") -> str:
    customer = await ledger.ensure_customer(ORGANIZATION, key="c")
    request = CheckoutRequest(
        provider_customer_id=customer, plan_key=plan, success_url="x", cancel_url="y"
    )
    page = await ledger.check_out(request, key=key)
    return page.url.rpartition("=")[2]


async def test_change_is_made_on_what_is_there_however_often_others_are_quicker() -> None:
    async with opened() as ledger:
        sold = await ledger.pay(await checkout(ledger))
        busy(ledger).conflicts = 3
        changed = await ledger.change(sold.id, lambda one: books.miss_payment(one, NOW))
        assert changed.status == "past_due"
        busy(ledger).conflicts = 100
        with pytest.raises(ProviderUnavailable, match="changed by others"):
            await ledger.change(sold.id, lambda one: books.receive_payment(one, NOW))


async def test_page_that_is_paid_by_many_at_once_sells_once() -> None:
    async with opened() as ledger:
        name = await checkout(ledger)
        sold = await asyncio.gather(*(ledger.pay(name) for _ in range(5)))
        assert len({one.id for one in sold}) == 1
        assert len(await ledger.contracts(uuid.UUID(int=7))) == 1


async def test_key_of_another_checkout_is_refused() -> None:
    async with opened() as ledger:
        assert await checkout(ledger) == await checkout(ledger)
        with pytest.raises(RejectedInput, match="used for another checkout"):
            await checkout(ledger, plan="team")


@pytest.mark.parametrize("name", ["x", "lchk_", f"lsub_{'0' * 32}_{'1' * 24}", f"lchk_{'0' * 32}"])
async def test_name_that_is_none_is_rejected(name: str) -> None:
    async with opened() as ledger:
        with pytest.raises(RejectedInput):
            await ledger.checkout(name)
        with pytest.raises(RejectedInput):
            await ledger.get_subscription(name)


async def test_every_invoice_stays_when_more_are_written() -> None:
    async with opened() as ledger:
        sold = await ledger.pay(await checkout(ledger))
        for _ in range(3):
            await ledger.change(sold.id, lambda one: books.receive_payment(one, NOW))
        found = await ledger.list_invoices(sold.customer)
        assert len({one.provider_invoice_id for one in found}) == 4
        assert {one.status for one in found} == {"paid"}


async def test_pages_need_to_know_where_the_host_is() -> None:
    async with opened(public_url=None) as ledger:
        customer = await ledger.ensure_customer(ORGANIZATION, key="c")
        with pytest.raises(ProviderUnavailable, match="CLIENTFLOW_PUBLIC_URL"):
            await ledger.open_portal(customer, return_url="x")


@pytest.mark.parametrize("status", [200, 503])
async def test_change_is_told_by_a_webhook_that_the_host_must_take(status: int) -> None:
    arrived: list[WebhookRequest] = []

    async def take(request: web.Request) -> web.Response:
        arrived.append(
            WebhookRequest(
                method="POST",
                url=str(request.url),
                headers=dict(request.headers),
                body=await request.read(),
            )
        )
        return web.Response(status=status)

    app = web.Application()
    app.add_routes([web.post("/webhooks/ledger", take)])
    async with TestServer(app) as server, opened(str(server.make_url("")).rstrip("/")) as ledger:
        sold = await ledger.pay(await checkout(ledger))
        told = ledger.tell(sold.id, event_id="levt_1")
        if status == 200:
            await told
        else:
            with pytest.raises(ProviderUnavailable, match="answers 503"):
                await told
    assert CHANGES.verify(arrived[0], SETTINGS).external_id == "levt_1"


async def test_host_that_is_away_is_told_later() -> None:
    async with opened("http://127.0.0.1:9") as ledger:
        sold = await ledger.pay(await checkout(ledger))
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await ledger.tell(sold.id, event_id="levt_1")


@pytest.mark.parametrize(
    ("text", "status"),
    [(None, CheckStatus.SKIPPED), ("", CheckStatus.FAILED), ("good", CheckStatus.PASSED)],
)
async def test_checklist_says_whether_the_plans_can_be_read(
    text: str | None, status: CheckStatus, tmp_path: Path
) -> None:
    settings = SETTINGS
    if text is not None:
        file = tmp_path / "plans.toml"
        file.write_text(EXAMPLES.read_text() if text else "")
        settings = attrs.evolve(SETTINGS, catalogue=file)
    async with aiohttp.ClientSession() as http:
        context = CheckContext(
            plugin="ledger",
            providers=None,  # type: ignore[arg-type] # it asks none
            clock=SystemClock(),
            log=None,  # type: ignore[arg-type] # it logs nothing
            own_settings={LedgerSettings: settings},
            http=http,
            public_url="http://a.example",
        )
        assert (await check_catalogue(context)).status is status
