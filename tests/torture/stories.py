"""What is done with the service so that each failpoint is reached; each ends as it should.

A story is told while the process that will die there is armed, and is told to its end by clients
that repeat what was not acknowledged, as real ones do.
"""

import datetime as dt
import random
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs

from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.server import parse_url
from clientflow_core.sandbox import SignedRequest
from clientflow_core.secret import Secret
from clientflow_host.assembly import load_everything
from clientflow_host.demo_organization import follow_everything
from tests.torture.evidence import REFUSED, SEND
from tests.torture.load import Driver
from tests.torture.offers import Offer, Offers, buy_plan
from tests.torture.system import System

HOST: Final = "serve"
WORKER: Final = "worker"
COMMAND: Final = "a command"

CLIENT: Final = "+14155560123"
# Twilio refuses to write to it: https://www.twilio.com/docs/iam/test-credentials
LANDLINE: Final = "+15005550009"
# Of ours, beside the one that there is.
_SECOND_NUMBER: Final = "+14155550199"
# So many come in together that a batch has more than one.
_BATCH: Final = 8


@attrs.define(eq=False, kw_only=True)
class Teller:
    """What the stories have in common.

    Attributes:
        number: rises with each story, so that no two say the same.
    """

    system: System
    driver: Driver
    offers: Offers
    number: int = 0

    @classmethod
    def made(cls, system: System, *, chance: random.Random) -> "Teller":
        """Make one; nothing has happened yet."""
        driver = Driver(system, chance)
        return cls(system=system, driver=driver, offers=Offers(system, chance=chance))

    async def conversation(self, client: str = CLIENT) -> str:
        """Give the conversation with a client, who has written to us if need be."""

        async def look() -> str | None:
            rows = self.system.rows(
                "SELECT c.id FROM conversations c JOIN contact_points p"
                " ON p.id = c.contact_point_id WHERE p.value = %s",
                client,
            )
            return to_public_id(IdPrefix.CONVERSATION, rows[0][0]) if rows else None

        found = await look()
        if found is None:
            is_mail = "@" in client
            await self.driver.post(
                self.offers.mail() if is_mail else self.offers.text(client=client)
            )
            found = await self.system.until(look, what=f"there is a conversation with {client}")
        return str(found)

    async def send(self, *, client: str = CLIENT, op: str = SEND) -> None:
        """Have a message sent."""
        self.number += 1
        path = f"/conversations/{await self.conversation(client)}/messages"
        body = f"message {self.number}"
        await self.system.insist(op, path, {"body": body}, name=body)


Tell = Callable[[Teller], Coroutine[Any, Any, None]]


async def nothing(_: Teller) -> None:
    """Do nothing: to start is enough."""


async def text(teller: Teller) -> None:
    """A client writes."""
    await teller.driver.post(teller.offers.text(client=CLIENT))


async def texts(teller: Teller) -> None:
    """Several clients have written while no worker was there."""
    for _ in range(_BATCH):
        await teller.driver.post(teller.offers.text())


async def message(teller: Teller) -> None:
    """A client is answered."""
    await teller.send()


async def conversation(teller: Teller) -> None:
    """There is somebody to be answered."""
    await teller.conversation()


async def refused_message(teller: Teller) -> None:
    """The provider refuses for good to carry an answer."""
    await teller.send(client=LANDLINE, op=REFUSED)


async def landline(teller: Teller) -> None:
    """There is somebody to whom the provider carries nothing."""
    await teller.conversation(LANDLINE)


def faulty(provider: str, *, told_after_seconds: float = 0, **call: Any) -> Tell:
    """Have a stand-in misbehave with the next call, and be late with what it tells of itself."""
    webhooks = {"delay_seconds": told_after_seconds}
    faults = {"calls": 1, "spares_reading": True, **call, "webhooks": webhooks}

    async def switch(teller: Teller) -> None:
        await teller.conversation()
        await teller.system.control(provider, "faults", faults)

    return switch


async def mail_lost(teller: Teller) -> None:
    """An e-mail's acceptance will be cut off, and what becomes of it told late."""
    await teller.conversation(await mail_client(teller))
    faults = {"calls": 1, "answer": "cut_after_acceptance", "webhooks": {"delay_seconds": 20}}
    await teller.system.control("sendgrid", "faults", faults)


async def mail(teller: Teller) -> None:
    """An e-mail is answered."""
    await teller.send(client=await mail_client(teller))
    body = f"message {teller.number}"

    async def is_known() -> bool:
        # Until the late report it is unknown, and shown so.
        query = "SELECT count(*) FROM messages WHERE body = %s AND status IN ('sent', 'delivered')"
        return bool(teller.system.count(query, body))

    await teller.system.until(is_known, what="it is known that the e-mail was sent")


async def mail_client(teller: Teller) -> str:
    """Give somebody who has written an e-mail."""

    async def look() -> str | None:
        rows = teller.system.rows("SELECT value FROM contact_points WHERE kind = 'email' LIMIT 1")
        return str(rows[0][0]) if rows else None

    found = await look()
    if found is None:
        await teller.driver.post(teller.offers.mail())
        found = await teller.system.until(look, what="somebody has written an e-mail")
    return str(found)


async def checkout(teller: Teller) -> None:
    """Somebody is led to where a plan is paid."""
    body = {"plan_key": "pro", "provider": "stripe"}
    teller.number += 1
    await teller.system.insist("checkout", "/billing/checkout", body, name=f"c{teller.number}")
    customers = (await teller.system.sandbox_state("stripe"))["customers"]
    assert len(customers) == 1, f"the organization is {len(customers)} customers of Stripe"


async def no_customer(teller: Teller) -> None:
    """Nobody is known to be a customer yet."""
    # What is deleted is made anew; it stays the same customer of the provider.
    teller.system.rows("DELETE FROM billing_customers RETURNING 1")


async def plan(teller: Teller) -> None:
    """A plan is bought, if it is not."""
    if not teller.system.count("SELECT count(*) FROM subscriptions WHERE status = 'active'"):
        await buy_plan(teller.system)
    await teller.offers.learn()


async def change(teller: Teller) -> None:
    """A subscription changes."""
    await teller.driver.post(teller.offers.change())


async def notice(teller: Teller) -> None:
    """Somebody puts an event into the calendar at Google, and that is told."""
    teller.number += 1
    told = {"event": "event.created", "title": f"visit {teller.number}"}
    await teller.system.control("google_calendar", "inbound", told)
    for offer in teller.offers.notices():
        await teller.driver.post(offer)


async def appointment(teller: Teller) -> None:
    """We put an event into the calendar."""
    teller.number += 1
    ((calendar,),) = teller.system.rows(
        "SELECT id FROM calendars WHERE is_writable ORDER BY id LIMIT 1"
    )
    starts_at = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    name = f"appointment {teller.number}"
    body = {
        "title": name,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
    }
    path = f"/calendars/{to_public_id(IdPrefix.CALENDAR, calendar)}/events"
    await teller.system.insist("appointment", path, body, name=name)


async def follow(teller: Teller) -> None:
    """All calendars are to be followed."""
    settings, registry = load_everything(teller.system.settings)
    url = settings.database_url or Secret("")
    database = Database(parse_url(url, env="DATABASE_URL"), pool_size=1)
    await follow_everything(database, teller.system.login, registry=registry)
    await database.close()


async def watch(teller: Teller) -> None:
    """A watch is to be renewed."""
    ask_for(teller.system, "watch_calendar", "google_calendar")


def ask_for(system: System, kind: str, provider: str) -> None:
    """Ask for a job of a calendar, as the schedule does when it is due."""
    system.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args) SELECT 'calendars', %s,"
        " organization_id, jsonb_build_object('calendar_id', id) FROM calendars"
        " WHERE provider = %s ORDER BY id LIMIT 1 RETURNING 1",
        *(kind, provider),
    )


async def draft(teller: Teller) -> None:
    """An assistant drafts an answer."""
    await text(teller)
    path = f"/conversations/{await teller.conversation()}/drafts"
    teller.number += 1
    await teller.system.insist("draft", path, {}, name=f"draft {teller.number}")

    async def is_drafted() -> bool:
        asked = "SELECT count(*) FROM assistant_drafts WHERE state = 'asked'"
        return not teller.system.count(asked)

    await teller.system.until(is_drafted, what="the answer is drafted")


async def plugin_job(teller: Teller) -> None:
    """A plugin's route asks for a job of its own."""
    teller.number += 1
    await teller.system.insist("note", "/x/torture/notes", {}, name=f"note {teller.number}")


async def failing_job(teller: Teller) -> None:
    """A job fails for good, and somebody looks at it and throws it away."""
    teller.number += 1
    await teller.system.insist("failure", "/x/torture/failures", {}, name=f"f{teller.number}")

    async def is_buried() -> list[Any]:
        return teller.system.rows("SELECT id FROM jobs WHERE dead_at IS NOT NULL")

    await teller.system.until(is_buried, what="a job is a dead letter")
    teller.system.rows("DELETE FROM jobs WHERE dead_at IS NOT NULL RETURNING 1")


async def plugin_webhook(teller: Teller) -> None:
    """Somebody calls a plugin's own address, and what it asks for is done."""
    teller.number += 1
    request = SignedRequest(
        url=f"{teller.system.public_url}/webhooks/torture-form",
        headers={"x-id": f"form-{teller.number}"},
        body=b"form",
        label="form",
    )
    provider = "torture.torture-form"
    name = f"{provider} form-{teller.number}"
    await teller.driver.post(Offer(provider=provider, name=name, sign=lambda: request))


async def second_number(teller: Teller) -> None:
    """The organization has another number, and the next call by the first is answered 503."""
    await faulty("twilio", answer="503")(teller)
    await teller.system.control("twilio", "numbers", {"number": _SECOND_NUMBER})
    teller.system.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name)"
        " SELECT organization_id, gen_random_uuid(), provider, %s, name FROM channels"
        " WHERE provider = 'twilio' LIMIT 1 ON CONFLICT DO NOTHING RETURNING 1",
        _SECOND_NUMBER,
    )


async def own_settings(teller: Teller) -> None:
    """The organization sets an account of its own, the same one, and takes it away again."""
    given = teller.system.settings
    own = {name: given[name] for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")}
    own["TWILIO_PHONE_NUMBER"] = given["TWILIO_PHONE_NUMBER"]
    await _until_done(teller, "PUT", {"values": own}, status=HTTPStatus.OK)
    kept = "SELECT count(*) FROM provider_settings"
    assert teller.system.count(kept) == 1, "what was acknowledged is not kept"
    await _until_done(teller, "DELETE", None, status=HTTPStatus.NO_CONTENT)


async def _until_done(
    teller: Teller, method: str, body: Mapping[str, Any] | None, *, status: HTTPStatus
) -> None:
    url = f"{teller.system.public_url}/api/v1/providers/twilio/settings"
    headers = {"Authorization": f"Bearer {teller.system.login.api_key}"}

    async def is_done() -> bool:
        try:
            request = teller.system.http.request(method, url, json=body, headers=headers)
            async with request as answer:
                return answer.status == status
        except (aiohttp.ClientError, TimeoutError):
            return False

    await teller.system.until(is_done, what=f"{method} of an organization's settings is answered")


def due(schedule: str) -> Tell:
    """Have what is done at regular times be due."""

    async def forget(teller: Teller) -> None:
        teller.system.rows("DELETE FROM scheduled_slots WHERE name = %s RETURNING 1", schedule)

    return forget


async def sign_in(teller: Teller) -> None:
    """The owner signs in, and tries again where no answer comes."""
    form = {"email": teller.system.login.email, "password": teller.system.login.password}

    async def is_in() -> bool:
        url = f"{teller.system.public_url}/sign-in"
        try:
            async with teller.system.http.post(url, data=form, allow_redirects=False) as answer:
                return answer.status == HTTPStatus.SEE_OTHER
        except (aiohttp.ClientError, TimeoutError):
            return False

    await teller.system.until(is_in, what="the owner is signed in")


async def stop_worker(teller: Teller) -> None:
    """The worker is told to end."""
    (worker, *_) = teller.system.workers
    await teller.system.ready(worker)
    assert worker.popen is not None
    worker.popen.terminate()


@attrs.frozen(kw_only=True)
class Point:
    """How a failpoint is reached.

    Attributes:
        process: that is armed.
        tell: the story.
        first: what comes before the process is armed.
        is_first_without: that process is not there meanwhile.
        dies_at: before, it dies at this other failpoint, so that there is something left behind.
        is_slow: it takes until the provider's look-up is believed; left out of what is chosen.
    """

    process: str
    tell: Tell
    first: Tell = nothing
    is_first_without: bool = False
    dies_at: str | None = None
    is_slow: bool = False


_TEXT: Final = Point(process=WORKER, tell=text)
_MESSAGE: Final = Point(process=WORKER, tell=message, first=conversation)
_CHANGE: Final = Point(process=WORKER, tell=change, first=plan)
_BATCHED: Final = Point(process=WORKER, tell=nothing, first=texts, is_first_without=True)
_UNKNOWN: Final = Point(
    process=WORKER,
    tell=message,
    first=faulty("twilio", answer="cut_after_acceptance", told_after_seconds=10),
    is_slow=True,
)
_AWAY: Final = Point(
    process=WORKER, tell=message, first=faulty("twilio", answer="503"), is_slow=True
)
_POSTED: Final = Point(process=HOST, tell=text)


def _due(schedule: str) -> Point:
    # Without the worker, which would see to it at once.
    return Point(process=WORKER, tell=nothing, first=due(schedule), is_first_without=True)


# In this order: nobody is a customer until a plan is bought.
POINTS: Final[Mapping[str, Point]] = {
    "start_checkout.customer_made": Point(process=HOST, tell=checkout),
    "start_checkout.customer_kept": Point(process=HOST, tell=checkout, first=no_customer),
    "receive_webhook.verified": _POSTED,
    "intake.taken": _POSTED,
    "intake.flushed": _POSTED,
    "receive_webhook.stored": _POSTED,
    "jobs.number_taken": Point(process=WORKER, tell=nothing),
    "jobs.ticked": Point(process=WORKER, tell=nothing),
    "jobs.claiming": _TEXT,
    "jobs.claimed": _TEXT,
    "handle_inbound_event.read": _TEXT,
    "receive_message.added": _TEXT,
    "handle_inbound_event.applied": _TEXT,
    "jobs.finished": _TEXT,
    "jobs.done_together": _BATCHED,
    "jobs.finished_together": _BATCHED,
    "jobs.orphans_freed": Point(process=WORKER, tell=text, dies_at="jobs.claimed"),
    "jobs.put_back": _AWAY,
    "jobs.burying": Point(process=WORKER, tell=failing_job),
    "jobs.given_back": Point(process=WORKER, tell=stop_worker),
    "send_message.queued": Point(process=HOST, tell=message, first=conversation),
    "prepare_message.passed": _MESSAGE,
    "deliver_message.reserving": _MESSAGE,
    "deliver_message.reserved": attrs.evolve(_MESSAGE, is_slow=True),
    "deliver_message.called": _MESSAGE,
    "record_attempt.accepted": _MESSAGE,
    "deliver_message.recorded": _MESSAGE,
    "record_delivery.updated": _MESSAGE,
    "deliver_message.looked_up": _UNKNOWN,
    "deliver_message.lookup_counted": Point(
        process=WORKER, tell=message, first=faulty("twilio", answer="cut_before"), is_slow=True
    ),
    "record_attempt.taken_back": _AWAY,
    "record_attempt.refused": Point(
        process=WORKER, tell=refused_message, first=landline, is_slow=True
    ),
    "record_attempt.parked": Point(process=WORKER, tell=mail, first=mail_lost, is_slow=True),
    "apply_subscription_change.begun": _CHANGE,
    "apply_subscription_change.asked": _CHANGE,
    "apply_subscription_change.recorded": _CHANGE,
    "report_usage.told": Point(process=WORKER, tell=message, first=plan),
    "sync_billing.asked": _due("sync_billing"),
    "list_missed.asked": _due("catch_up"),
    "follow_calendar.listed": Point(process=WORKER, tell=follow),
    "sync_calendar.asked": Point(process=WORKER, tell=notice),
    "sync_calendar.written": Point(process=WORKER, tell=notice),
    "sync_calendar.recorded": Point(process=WORKER, tell=notice),
    "watch_calendar.called": Point(process=WORKER, tell=watch),
    "watch_calendar.kept": Point(process=WORKER, tell=watch),
    "put_appointment.called": Point(process=WORKER, tell=appointment),
    "put_appointment.recorded": Point(process=WORKER, tell=appointment),
    "draft_reply.reserved": Point(process=WORKER, tell=draft, first=conversation),
    "draft_reply.called": Point(process=WORKER, tell=draft, first=conversation),
    "tell_listener.told": _TEXT,
    "run_plugin_job.run": Point(process=WORKER, tell=plugin_job),
    "handle_plugin_webhook.handled": Point(process=WORKER, tell=plugin_webhook),
    "sign_in.checked": Point(process=HOST, tell=sign_in),
    "set_provider_settings.kept": Point(process=HOST, tell=own_settings),
    "inbound_events.replayed": Point(process=COMMAND, tell=nothing, first=text),
    # The last one: from now on whatever fails by one number goes by the other.
    "deliver_message.passed_on": Point(
        process=WORKER, tell=message, first=second_number, is_slow=True
    ),
}


def newest_event(system: System) -> str:
    """Give the public id of the event that came last."""
    ((name,),) = system.rows("SELECT id FROM inbound_events ORDER BY id DESC LIMIT 1")
    return to_public_id(IdPrefix.INBOUND_EVENT, name)
