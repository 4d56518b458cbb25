"""Webhooks as four providers post them, signed at the moment of posting."""

import datetime as dt
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Self

import attrs

from clientflow_core.sandbox import SignedRequest
from clientflow_core.secret import Secret
from clientflow_host.assembly import load_everything
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.webhooks import make_token
from clientflow_plugins.sendgrid.inbound import identify
from clientflow_plugins.sendgrid.sandbox.mailbox import Mail
from clientflow_plugins.sendgrid.sandbox.posts import inbound_post
from clientflow_plugins.sendgrid.sandbox.signing import make_key
from clientflow_plugins.sendgrid.sandbox.signing import sign as sign_mail
from clientflow_plugins.stripe.sandbox.resources import event as stripe_event
from clientflow_plugins.stripe.sandbox.signing import sign as sign_stripe
from clientflow_plugins.twilio.sandbox.resources import Message
from clientflow_plugins.twilio.sandbox.signing import inbound_fields
from clientflow_plugins.twilio.sandbox.signing import sign as sign_twilio
from tests.torture.system import System

_CLIENTS: Final = 200
# Texts are most of what comes in; what leads to a call to a provider is dearer for the machine.
_SHARES: Final = {"twilio": 60, "sendgrid": 25, "stripe": 8, "google_calendar": 7}
# Far beyond the numbers that the stand-in gives its own notices.
_FIRST_NOTICE: Final = 1_000_000
_REPEATED: Final = 0.02
_DISPLACED: Final = 0.1
_FARTHEST: Final = 60


@attrs.frozen(kw_only=True)
class Offer:
    """One webhook, which may be posted several times.

    Attributes:
        name: the provider, a blank, and the id by which the host knows it again.
        sign: makes the request, signed now.
    """

    provider: str
    name: str
    sign: Callable[[], SignedRequest]


class Offers:
    """Makes them for a system, all different and the same for the same dice."""

    def __init__(self, system: System, *, chance: random.Random) -> None:
        self._system = system
        self._chance = chance
        self._settings = system.settings
        self._notices = _FIRST_NOTICE
        self._secret = _watch_secret(system)
        self._subscription: Any = None
        self._watched: Sequence[str] = ()

    @classmethod
    async def made(cls, system: System, *, chance: random.Random) -> Self:
        """Make them once a plan is bought and the calendars are watched."""
        made = cls(system, chance=chance)
        await buy_plan(system)
        await made.learn()
        return made

    async def learn(self) -> None:
        """Learn what was bought; without it there are no changes to tell of."""
        (self._subscription,) = (await self._system.sandbox_state("stripe"))["subscriptions"]

    def watches(self) -> Sequence[str]:
        """Give the watches that there are, by their ids."""
        rows = self._system.rows(
            "SELECT watch_id::text FROM calendars WHERE watch_id IS NOT NULL ORDER BY watch_id"
        )
        return [name for (name,) in rows]

    def notices(self) -> list[Offer]:
        """Give the news that each calendar has changed."""
        return [self.notice(watch) for watch in self.watches()]

    def mixed(self, count: int) -> list[Offer]:
        """Give *count* different ones in the order of posting, some twice and some displaced."""
        providers = self._chance.choices(list(_SHARES), list(_SHARES.values()), k=count)
        self._watched = self.watches()
        offers = [self.of(provider) for provider in providers]
        posts = [(float(place), offer) for place, offer in enumerate(offers)]
        posts += [
            (place + self._chance.uniform(0, _FARTHEST), offer)
            for place, offer in enumerate(offers)
            if self._chance.random() < _REPEATED
        ]
        moved = [
            (place + self._chance.uniform(0, _FARTHEST), offer)
            if self._chance.random() < _DISPLACED
            else (place, offer)
            for place, offer in posts
        ]
        return [offer for _, offer in sorted(moved, key=lambda one: one[0])]

    def closing(self) -> list[Offer]:
        """Give what tells of the last changes: whatever was missed before is read then."""
        return [self.of("stripe"), *self.notices()]

    def of(self, provider: str) -> Offer:
        """Give one of *provider*."""
        if provider == "twilio":
            return self.text()
        if provider == "sendgrid":
            return self.mail()
        if provider == "stripe":
            return self.change()
        return self.notice(self._chance.choice(self._watched))

    def text(self, body: str | None = None, *, client: str | None = None) -> Offer:
        """Give a text that comes in."""
        sid = f"SM{self._chance.getrandbits(128):032x}"
        now = dt.datetime.now(dt.UTC)
        message = Message(
            sid=sid,
            direction="inbound",
            sender=client or f"+1415556{self._chance.randrange(_CLIENTS):04d}",
            to=self._settings["TWILIO_PHONE_NUMBER"],
            body=body or f"text {sid}",
            status="received",
            created=now,
            updated=now,
        )
        url = f"{self._system.public_url}/webhooks/twilio"
        fields = inbound_fields(self._settings, message)
        return Offer(
            provider="twilio",
            name=f"twilio {sid}",
            sign=lambda: sign_twilio(url, fields, credentials=self._settings),
        )

    def mail(self, body: str | None = None) -> Offer:
        """Give an e-mail that comes in."""
        number = f"{self._chance.getrandbits(64):016x}"
        url = f"{self._system.public_url}/webhooks/sendgrid-inbound"
        mail = Mail(
            id=number,
            is_from_client=True,
            client=f"client{self._chance.randrange(_CLIENTS)}@example.org",
            business=self._settings["SENDGRID_FROM_EMAIL"],
            subject=f"About {number}",
            text=body or f"mail {number}",
            html="",
            created=dt.datetime.now(dt.UTC),
            state="received",
            headers={"Message-ID": f"<{number}@example.org>"},
        )
        post = inbound_post(url, mail, is_whole=False)
        key = make_key(self._settings["SENDGRID_API_KEY"], "parse")
        return Offer(
            provider="sendgrid",
            name=f"sendgrid {identify(post.headers['Content-Type'], post.body)[0]}",
            sign=lambda: sign_mail(post, key, timestamp=int(time.time())),
        )

    def change(self) -> Offer:
        """Give the news that the subscription has changed."""
        told = stripe_event(
            "customer.subscription.updated", self._subscription, now=int(time.time())
        )
        told["id"] = f"evt_{self._chance.getrandbits(96):024x}"
        url = f"{self._system.public_url}/webhooks/stripe"
        secret = self._settings["STRIPE_WEBHOOK_SECRET"]
        return Offer(
            provider="stripe",
            name=f"stripe {told['id']}",
            sign=lambda: sign_stripe(url, told, secret=secret, at=int(time.time())),
        )

    def notice(self, watch: str) -> Offer:
        """Give the news that a calendar has changed."""
        self._notices += 1
        number = str(self._notices)
        request = SignedRequest(
            url=f"{self._system.public_url}/webhooks/gcal",
            headers={
                "X-Goog-Channel-ID": watch,
                "X-Goog-Channel-Token": make_token(uuid.UUID(watch), self._secret),
                "X-Goog-Message-Number": number,
                "X-Goog-Resource-State": "exists",
            },
            body=b"",
            label=f"{watch} {number}",
        )
        return Offer(
            provider="google_calendar",
            name=f"google_calendar {watch}/{number}",
            sign=lambda: request,
        )

    def endless(self) -> Iterator[Offer]:
        """Give mixed ones for ever."""
        while True:
            yield from self.mixed(200)


async def buy_plan(system: System) -> None:
    """Let the organization buy a plan at Stripe, and wait until it has it."""
    body = {"plan_key": "pro", "provider": "stripe"}
    status, page = await system.call("/billing/checkout", body)
    assert status < 300, page
    # As the payer's browser does.
    async with system.http.post(page["url"], allow_redirects=False) as paid:
        assert paid.status < 400, await paid.text()

    async def has_plan() -> bool:
        return bool(system.count("SELECT count(*) FROM subscriptions WHERE status = 'active'"))

    await system.until(has_plan, what="a plan is bought")


def _watch_secret(system: System) -> Secret:
    _, registry = load_everything(system.settings)
    settings = registry.providers["google_calendar"].settings
    assert isinstance(settings, GoogleCalendarSettings)
    return settings.webhook_secret
