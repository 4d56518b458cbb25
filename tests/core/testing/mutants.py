"""Heliographs that are broken in one way each, and the check that notices it."""

import asyncio
import datetime as dt
import hmac
import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp import web
from typing_extensions import override

from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
    ProviderEvent,
    Receipt,
)
from clientflow_core.errors import (
    AuthFailed,
    BadPayload,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
    SignatureRefused,
)
from clientflow_core.providers.catch_up import MissedPage, MissedWebhook
from clientflow_core.providers.channel import MessageQuery
from clientflow_core.providers.spec import Capability, ProviderContext
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.secret import Secret
from clientflow_core.settings import setting
from tests.core.testing.heliograph import spec as good
from tests.core.testing.heliograph.channel import NEVER_SENT, HeliographChannel
from tests.core.testing.heliograph.sandbox import HeliographSandbox
from tests.core.testing.heliograph.spec import WEBHOOK, HeliographSettings, opening


@attrs.frozen(kw_only=True)
class Mutant:
    """One broken provider.

    Attributes:
        breaks: the check that must notice it.
        also: those that may notice it too.
        changes: of the spec.
        attributes: of the class of tests.
    """

    name: str
    breaks: str
    also: frozenset[str] = frozenset()
    changes: Mapping[str, Any] = attrs.field(factory=dict)
    attributes: Mapping[str, Any] = attrs.field(factory=dict)


MUTANTS: list[Mutant] = []


def spec(name: str, breaks: str, *also: str, **changes: Any) -> None:
    """Add a mutant whose spec is another."""
    MUTANTS.append(Mutant(name=name, breaks=breaks, also=frozenset(also), changes=changes))


def channel(breaks: str, *also: str, **changes: Any) -> Callable[[type], type]:
    """Add a mutant whose channel is another."""

    def add(made: type) -> type:
        spec(made.__name__, breaks, *also, open=opening(made), **changes)
        return made

    return add


def sandbox(breaks: str, *also: str, **changes: Any) -> Callable[[type], type]:
    """Add a mutant whose stand-in is another."""

    def add(made: type) -> type:
        MUTANTS.append(
            Mutant(
                name=made.__name__,
                breaks=breaks,
                also=frozenset(also),
                changes=changes,
                attributes={"sandbox": made},
            )
        )
        return made

    return add


def settings(breaks: str, *also: str) -> Callable[[type], type]:
    """Add a mutant whose settings are others."""

    def add(made: type) -> type:
        spec(made.__name__, breaks, *also, settings=made)
        return made

    return add


def verifying(breaks: str, *also: str, **changes: Any) -> Callable[[Any], Any]:
    """Add a mutant that verifies in another way."""

    def add(made: Any) -> Any:
        other = attrs.evolve(WEBHOOK, verify=made)
        spec(made.__name__, breaks, *also, webhooks=(other,), **changes)
        return made

    return add


def parsing(breaks: str, *also: str) -> Callable[[Any], Any]:
    """Add a mutant that parses in another way."""

    def add(made: Any) -> Any:
        spec(made.__name__, breaks, *also, webhooks=(attrs.evolve(WEBHOOK, parse=made),))
        return made

    return add


# Registration


class Duck:
    """Has the methods, and is of no class."""

    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        inner = HeliographChannel(context, settings)
        self.verify, self.send = inner.verify, inner.send
        self.find_messages, self.list_missed = inner.find_messages, inner.list_missed


spec("duck", "manifest.opens-its-kind", open=opening(Duck))
spec(
    "address twice",
    "manifest.addresses-are-named",
    addresses=lambda settings: [settings.tower, settings.tower],
)

# Settings


@settings("settings.problems-are-told-together")
@attrs.frozen(kw_only=True)
class AnythingGoes(HeliographSettings):
    tower: str = setting(
        env="HELIOGRAPH_TOWER", help="our tower", pattern=r"(?s).*", example="+15550100"
    )


@settings("settings.valid-values-are-taken")
@attrs.frozen(kw_only=True)
class RaisesItself(HeliographSettings):
    def __attrs_post_init__(self) -> None:
        if len(self.tower) != len("+15550100199"):
            raise ValueError("the tower is too long")


@settings("settings.valid-values-are-taken")
@attrs.frozen(kw_only=True)
class ChangesWhatIsSet(HeliographSettings):
    def __attrs_post_init__(self) -> None:
        if self.tower != "+15550100199":
            object.__setattr__(self, "tower", "+15550100199")


@settings("settings.secrets-are-secret")
@attrs.frozen(kw_only=True)
class OpenPassword(HeliographSettings):
    password: str | None = setting(env="HELIOGRAPH_PASSWORD", help="another", default=None)


@settings("settings.secrets-are-secret")
@attrs.frozen(kw_only=True, repr=False)
class ShowsItself(HeliographSettings):
    @override
    def __repr__(self) -> str:
        return f"Heliograph with {self.key.reveal()}"


@settings("settings.are-explained")
@attrs.frozen(kw_only=True)
class Unexplained(HeliographSettings):
    key: Secret = setting(env="HELIOGRAPH_KEY", help=" ", example="a key of the console")


# The sandbox


class OtherName(HeliographSandbox):
    name: ClassVar[str] = "telegraph"


MUTANTS.append(
    Mutant(
        name="other sandbox",
        breaks="sandbox.is-the-one-of-the-spec",
        changes={"sandbox": f"{__name__}:OtherName"},
        attributes={"sandbox": HeliographSandbox},
    )
)


@sandbox("sandbox.settings-are-the-providers")
class SameAccount(HeliographSandbox):
    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        return {
            "HELIOGRAPH_KEY": "0123456789abcdef",
            "HELIOGRAPH_HILL": "hill-0",
            "HELIOGRAPH_TOWER": "+15550100199",
        }


@sandbox("sandbox.refuses-strangers")
class OpenToStrangers(HeliographSandbox):
    @override
    def may(self, request: web.Request) -> bool:
        return (
            request.path.endswith("/account") and ("Authorization" not in request.headers)
        ) or super().may(request)


@sandbox("sandbox.forgets")
class Elephant(HeliographSandbox):
    @override
    def clear(self) -> None:
        """Forget nothing."""


@sandbox("sandbox.shows-no-credentials")
class Chatterbox(HeliographSandbox):
    @override
    def state(self) -> dict[str, Any]:
        return super().state() | {"key": self.credentials["HELIOGRAPH_KEY"]}


# From open to close


@channel("lifecycle.verify-names-the-account")
class Nameless(HeliographChannel):
    @override
    async def verify(self) -> str:
        await super().verify()
        return " "


@channel("lifecycle.verify-names-the-account", "channel.sends-once")
class TriesOut(HeliographChannel):
    @override
    async def verify(self) -> str:
        tower = self.settings.tower
        name = await super().verify()
        message = {"from": tower, "to": tower, "text": "does it work?", "ref": ""}
        await self.call("POST", "/v1/flashes", is_send=False, body=message)
        return name


@channel("lifecycle.verify-refuses-wrong-credentials")
class Credulous(HeliographChannel):
    @override
    def refusal(self, status: int, headers: Mapping[str, str], *, is_send: bool) -> ProviderError:
        if status == 401:
            return ProviderUnavailable("not now")
        return super().refusal(status, headers, is_send=is_send)


class ClosesTheSession:
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        self._channel = HeliographChannel(context, settings)

    async def __aenter__(self) -> HeliographChannel:
        return self._channel

    async def __aexit__(self, *_: object) -> None:
        await self._channel.context.http.close()


spec(
    "closes the session",
    "lifecycle.leaves-the-session-open",
    # There the second of two finds it closed.
    "tenancy.accounts-do-not-mix",
    open=ClosesTheSession,
)


@channel("lifecycle.leaves-nothing-behind")
class LeavesThreads(HeliographChannel):
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        super().__init__(context, settings)
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


@channel("lifecycle.leaves-nothing-behind")
class LeavesSessions(HeliographChannel):
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        super().__init__(context, settings)
        # Held, so that the collector of garbage says nothing.
        KEPT.append(aiohttp.ClientSession())


KEPT: list[aiohttp.ClientSession] = []


@channel("lifecycle.leaves-nothing-behind", "lifecycle.can-be-cancelled")
class LeavesTasks(HeliographChannel):
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        super().__init__(context, settings)
        self.task = asyncio.create_task(asyncio.sleep(3600))


@channel("lifecycle.can-be-cancelled")
class CannotBeCancelled(HeliographChannel):
    @override
    async def verify(self) -> str:
        try:
            return await super().verify()
        except asyncio.CancelledError as error:
            raise ProviderUnavailable("it was cancelled") from error


@channel("secrecy.errors-and-logs-hold-no-secret")
class TellsTheKey(HeliographChannel):
    @override
    def refusal(self, status: int, headers: Mapping[str, str], *, is_send: bool) -> ProviderError:
        if status == 401:
            return AuthFailed(f"{self.settings.key.reveal()} is not known")
        return super().refusal(status, headers, is_send=is_send)


@channel("secrecy.errors-and-logs-hold-no-secret")
class TellsTheKeyInTheCause(HeliographChannel):
    @override
    async def verify(self) -> str:
        try:
            return await super().verify()
        except ProviderError as error:
            error.__cause__ = ValueError(self.settings.key.reveal())
            raise


# Isolation


@channel("isolation.blocks-no-loop")
class Sleeps(HeliographChannel):
    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        time.sleep(0.001)  # noqa: ASYNC251 - this is the mistake
        return await super().send(message)


@channel("isolation.talks-to-its-provider-alone")
class CallsHome(HeliographChannel):
    @override
    async def verify(self) -> str:
        if self.context.public_url:
            home = urlsplit(self.context.public_url)
            _, writer = await asyncio.open_connection(home.hostname, home.port)
            writer.close()
            await writer.wait_closed()
        return await super().verify()


# Capabilities

spec(
    "ability of another kind",
    "capabilities.declared-are-there",
    capabilities=good.HELIOGRAPH.capabilities | {Capability.PUSH},
)
spec("silent ability", "capabilities.there-are-declared", capabilities=frozenset())

# Texts


def _own_id(body: Mapping[str, Any]) -> str:
    return f"own-{body['id']}"


class OwnIds(HeliographChannel):
    @override
    def receipt(self, flash: Mapping[str, Any]) -> Receipt:
        return Receipt(provider_message_id=_own_id(flash), status=MessageStatus.SENT)


def own_ids(request: WebhookRequest) -> Sequence[ProviderEvent]:
    (event,) = good.parse(request)
    assert isinstance(event, (MessageReceived, DeliveryReported))
    return [attrs.evolve(event, provider_message_id=f"own-{event.provider_message_id}")]


spec(
    "ids that nobody knows",
    "channel.send-gives-a-stable-id",
    open=opening(OwnIds),
    webhooks=(attrs.evolve(WEBHOOK, parse=own_ids),),
)


@channel("channel.send-gives-a-stable-id", "channel.many-at-once", "lookup.finds-what-was-taken",
         "delivery.reports-reach-their-message")  # fmt: skip
class OneId(HeliographChannel):
    @override
    def receipt(self, flash: Mapping[str, Any]) -> Receipt:
        return Receipt(provider_message_id="F1", status=MessageStatus.SENT)


@channel("channel.receipt-says-at-least-sent")
class OnlyQueued(HeliographChannel):
    @override
    def receipt(self, flash: Mapping[str, Any]) -> Receipt:
        return Receipt(provider_message_id=flash["id"], status=MessageStatus.QUEUED)


@channel("channel.text-arrives-as-written")
class DropsEmoji(HeliographChannel):
    @override
    def text(self, body: str) -> str:
        return "".join(letter for letter in body if ord(letter) < 0x10000)


@channel("channel.longest-text-is-taken", "channel.text-arrives-as-written")
class ShortBreath(HeliographChannel):
    @override
    def text(self, body: str) -> str:
        if len(body) > 1500:
            raise RejectedInput("too long")
        return body


@channel("channel.too-long-is-refused")
class CutsOff(HeliographChannel):
    @override
    def text(self, body: str) -> str:
        return body[:1600]


@channel("channel.bad-recipient-is-rejected")
class NeverSaysWhy(HeliographChannel):
    @override
    def refusal(self, status: int, headers: Mapping[str, str], *, is_send: bool) -> ProviderError:
        if status == 422:
            return ProviderRefused("no")
        return super().refusal(status, headers, is_send=is_send)


@channel("channel.sends-once", "lookup.finds-what-was-taken", "lookup.finds-nothing-else")
class TriesAgain(HeliographChannel):
    timeout_seconds = 1.0

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        try:
            return await super().send(message)
        except OutcomeUnknown:
            return await super().send(message)


@channel("channel.many-at-once")
class OneAtATime(HeliographChannel):
    body = ""

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        self.body = message.body
        await asyncio.sleep(0)
        return await super().send(attrs.evolve(message, body=self.body))


# What an answer means


def misreads(status: int, kind: type[ProviderError], *, in_send: bool = True) -> type:
    """Give a channel that takes *status* for *kind*."""

    class Misreads(HeliographChannel):
        @override
        def refusal(
            self, status_given: int, headers: Mapping[str, str], *, is_send: bool
        ) -> ProviderError:
            if status_given == status and is_send == in_send:
                return kind("not so")
            return super().refusal(status_given, headers, is_send=is_send)

    return Misreads


def misread(name: str, breaks: str, made: type, *also: str) -> None:
    spec(name, breaks, *also, open=opening(made))


misread("429 without its wait", "errors.too-fast-is-rate-limited", misreads(429, RateLimited))
misread("500", "errors.server-error-is-unknown", misreads(500, ProviderUnavailable))
misread("503", "errors.busy-is-unavailable-or-unknown", misreads(503, ProviderRefused))
misread("502", "errors.proxy-page-is-unknown", misreads(502, ProviderUnavailable))
misread(
    "500 in verify",
    "errors.verify-says-unavailable",
    misreads(500, OutcomeUnknown, in_send=False),
    "lookup.failure-is-unavailable",
    "missed.failure-is-unavailable",
)


@channel("errors.unreadable-answer-is-unknown")
class LetsErrorsOut(HeliographChannel):
    @override
    def read(self, text: str, *, is_send: bool) -> dict[str, Any]:
        if is_send and text == '{"sid": "':
            raise ValueError(text)
        return super().read(text, is_send=is_send)


@channel("errors.cut-connection-is-unknown")
class CutIsNotTaken(HeliographChannel):
    @override
    def broken(self, error: Exception, *, is_send: bool) -> Exception:
        is_cut = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
        if is_cut and not isinstance(error, NEVER_SENT):
            return ProviderUnavailable("cut")
        return super().broken(error, is_send=is_send)


@channel("errors.silence-is-unknown-in-time")
class SilenceIsNotTaken(HeliographChannel):
    @override
    def broken(self, error: Exception, *, is_send: bool) -> Exception:
        if isinstance(error, TimeoutError):
            return ProviderUnavailable("silence")
        return super().broken(error, is_send=is_send)


@channel(
    "errors.silence-is-unknown-in-time",
    "errors.verify-says-unavailable",
    "load.sick-call-is-in-nobodys-way",
    deadline_seconds=0.2,
)
class WaitsForEver(HeliographChannel):
    timeout_seconds = None


@channel("errors.nobody-there-is-unavailable")
class NeverSure(HeliographChannel):
    @override
    def broken(self, error: Exception, *, is_send: bool) -> Exception:
        return (OutcomeUnknown if is_send else ProviderUnavailable)("no answer")


# Looking up


@channel("lookup.finds-what-was-taken", "lookup.finds-behind-many")
class FindsNothing(HeliographChannel):
    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        await super().find_messages(query)
        return []


@channel("lookup.finds-behind-many")
class LooksAtTheLastAlone(HeliographChannel):
    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        listed = (await self.call("GET", "/v1/flashes", is_send=False))["flashes"][-100:]
        ours = str(query.message.attempt_id)
        return [self.receipt(one) for one in listed if one["ref"] == ours]


@channel("lookup.finds-nothing-else", "lookup.finds-what-was-taken")
class FindsAll(HeliographChannel):
    @override
    def filter(self, query: MessageQuery) -> str:
        return ""


@channel("lookup.failure-is-unavailable")
class CannotTell(HeliographChannel):
    @override
    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        try:
            return await super().find_messages(query)
        except ProviderUnavailable:
            return []


# Asking for what was missed


@channel("missed.means-what-was-sent", "missed.none-is-left-out")
class NamesItAnew(HeliographChannel):
    @override
    def missed(self, event: Mapping[str, Any]) -> MissedWebhook:
        return attrs.evolve(super().missed(event), external_id=f"again-{event['event']}")


@channel("missed.means-what-was-sent")
class TellsHalf(HeliographChannel):
    @override
    def missed(self, event: Mapping[str, Any]) -> MissedWebhook:
        return super().missed({**event, "text": "…"})


@channel("missed.means-what-was-sent")
class OfNoAccount(HeliographChannel):
    @override
    def missed(self, event: Mapping[str, Any]) -> MissedWebhook:
        return attrs.evolve(super().missed(event), account="hill-0")


@channel("missed.means-what-was-sent")
class MissesNothing(HeliographChannel):
    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        await super().list_missed(since=since, cursor=cursor)
        return MissedPage(webhooks=(), next_cursor=None)


@channel("missed.none-is-left-out")
class OnlyTheFirstPart(HeliographChannel):
    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        page = await super().list_missed(since=since, cursor=cursor)
        return attrs.evolve(page, next_cursor=None)


@channel("missed.none-is-left-out")
class BeginsAnewWithEachPart(HeliographChannel):
    """Its cursor is the moment of the last one, which others share with it."""

    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        begin = dt.datetime.fromtimestamp(int(cursor), dt.UTC) if cursor else since
        page = await super().list_missed(since=begin, cursor=None)
        last = page.webhooks[-1].occurred_at if page.webhooks else begin
        more = page.next_cursor and last > begin
        return attrs.evolve(page, next_cursor=str(int(last.timestamp())) if more else None)


@channel("missed.begins-at-its-moment")
class TellsAllThatEverWas(HeliographChannel):
    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        return await super().list_missed(since=dt.datetime.fromtimestamp(0, dt.UTC), cursor=cursor)


@channel("missed.failure-is-unavailable")
class TakesSilenceForNothing(HeliographChannel):
    @override
    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        try:
            return await super().list_missed(since=since, cursor=cursor)
        except ProviderUnavailable:
            return MissedPage(webhooks=(), next_cursor=None)


# What comes in


def changed(**how: Callable[[Any], Any]) -> Any:
    """Give a parser whose texts are changed; of a report the id alone."""

    def parse(request: WebhookRequest) -> Sequence[ProviderEvent]:
        (event,) = good.parse(request)
        if isinstance(event, DeliveryReported):
            return [event]
        return [attrs.evolve(event, **{name: change(event) for name, change in how.items()})]

    return parse


def parses(name: str, breaks: str, *also: str, made: Any) -> None:
    spec(name, breaks, *also, webhooks=(attrs.evolve(WEBHOOK, parse=made),))


parses(
    "cut texts",
    "inbound.text-becomes-a-message",
    made=changed(body=lambda event: event.body[:5]),
)
parses(
    "sender without a plus",
    "inbound.names-its-sender",
    made=changed(sender=lambda event: event.sender.lstrip("+")),
)
parses(
    "id of the words",
    "inbound.equal-texts-are-two",
    made=changed(provider_message_id=lambda event: f"id-{event.body}"),
)


@parsing("delivery.reports-reach-their-message")
def reports_on_nobody(request: WebhookRequest) -> Sequence[ProviderEvent]:
    (event,) = good.parse(request)
    if isinstance(event, DeliveryReported):
        return [attrs.evolve(event, provider_message_id="F0")]
    return [event]


# Webhooks

spec(
    "webhook that nobody sends",
    "webhook.sandbox-sends-each",
    webhooks=(WEBHOOK, attrs.evolve(WEBHOOK, name="heliograph-status")),
)


@parsing("webhook.valid-is-taken", "webhook.parse-only-refuses", "webhook.kept-headers-suffice",
         "webhook.verify-only-refuses", "webhook.repetition-has-the-same-id",
         "missed.means-what-was-sent")  # fmt: skip
def gives_later(request: WebhookRequest) -> Any:
    return (event for event in good.parse(request))


@verifying("webhook.flipped-byte-is-refused")
def looks_at_the_beginning(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    given = request.headers.get("heliograph-signature", "")
    signature = good.SIGNATURE.fullmatch(given)
    if signature is None:
        raise SignatureRefused("no signature")
    at = signature[1]
    signed = at.encode() + b"." + request.body
    digest = hmac.digest(good.key(settings), signed, "sha256").hex()
    if digest[:8] != signature[2][:8]:
        raise SignatureRefused("it does not fit")
    whole = attrs.evolve(
        request, headers={**request.headers, "heliograph-signature": f"t={at},s={digest}"}
    )
    return good.verify(whole, settings)


class SignsTheBeginning(HeliographSandbox):
    """Its signature is over the first bytes alone."""

    @override
    def _sign(self, event: Mapping[str, str]) -> Any:
        signed = super()._sign({**event, "kind": event["kind"]})
        at = good.SIGNATURE.fullmatch(signed.headers["Heliograph-Signature"])
        assert at
        begin = at[1].encode() + b"." + signed.body[:20]
        digest = hmac.digest(self.signing_key(), begin, "sha256").hex()
        headers = {**signed.headers, "Heliograph-Signature": f"t={at[1]},s={digest}"}
        return attrs.evolve(signed, headers=headers)


def verifies_the_beginning(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    signature = good.SIGNATURE.fullmatch(request.headers.get("heliograph-signature", ""))
    if signature is None:
        raise SignatureRefused("no signature")
    begin = signature[1].encode() + b"." + request.body[:20]
    if hmac.digest(good.key(settings), begin, "sha256").hex() != signature[2]:
        raise SignatureRefused("it does not fit")
    if abs(request.received_at.timestamp() - int(signature[1])) > good.TOLERANCE_SECONDS:
        raise SignatureRefused("too old")
    return Verified(external_id=str(good.read(request).get("event") or "none"), account="ours")


MUTANTS.append(
    Mutant(
        name="signature over the beginning",
        breaks="webhook.flipped-byte-is-refused",
        also=frozenset({"webhook.verify-only-refuses", "missed.means-what-was-sent"}),
        changes={"webhooks": (attrs.evolve(WEBHOOK, verify=verifies_the_beginning),)},
        attributes={"sandbox": SignsTheBeginning},
    )
)


class SignsWithAWord(HeliographSandbox):
    @override
    def signing_key(self) -> bytes:
        return b"sunshine"


def verifies_with_a_word(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    return good.verify(request, attrs.evolve(settings, key=Secret("sunshine")))


MUTANTS.append(
    Mutant(
        name="signed with a word that all know",
        breaks="webhook.wrong-secret-is-refused",
        changes={"webhooks": (attrs.evolve(WEBHOOK, verify=verifies_with_a_word),)},
        attributes={"sandbox": SignsWithAWord},
    )
)


@verifying("webhook.missing-header-is-refused", "webhook.verify-only-refuses",
           "webhook.flipped-byte-is-refused", "webhook.old-one-is-refused")  # fmt: skip
def trusts_the_unsigned(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    if "heliograph-signature" not in request.headers:
        return Verified(external_id=str(good.read(request).get("event")), account="ours")
    return good.verify(request, settings)


@verifying("webhook.verify-only-refuses")
def stumbles_over_the_header(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    header = request.headers.get("heliograph-signature")
    if header is not None:
        dict(part.split("=") for part in header.split(","))
    return good.verify(request, settings)


@parsing("webhook.parse-only-refuses")
def stumbles_over_the_body(request: WebhookRequest) -> Sequence[ProviderEvent]:
    body = good.read(request)
    if not re.fullmatch("F[0-9a-f]{32}", body["id"]):
        raise BadPayload("no id")
    return good.parse(request)


@parsing("webhook.kept-headers-suffice", "webhook.parse-only-refuses", "missed.means-what-was-sent")
def reads_what_is_not_kept(request: WebhookRequest) -> Sequence[ProviderEvent]:
    if "heliograph-kind" not in request.headers:
        raise BadPayload("of no kind")
    return good.parse(request)


@verifying("webhook.repetition-has-the-same-id", "webhook.verify-only-refuses",
           "missed.means-what-was-sent", "missed.none-is-left-out")  # fmt: skip
def another_id_each_time(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    return attrs.evolve(good.verify(request, settings), external_id=uuid.uuid4().hex)


@verifying("webhook.repetition-has-the-same-id", "missed.means-what-was-sent",
           "missed.none-is-left-out")  # fmt: skip
def one_id_for_all(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    return attrs.evolve(good.verify(request, settings), external_id="the one")


@verifying("webhook.old-one-is-refused")
def never_too_old(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    signature = good.SIGNATURE.fullmatch(request.headers.get("heliograph-signature", ""))
    at = request.received_at if signature is None else request.received_at.fromtimestamp(
        int(signature[1]), tz=request.received_at.tzinfo
    )  # fmt: skip
    return good.verify(attrs.evolve(request, received_at=at), settings)


@verifying("webhook.verify-takes-bounded-time")
def ponders(request: WebhookRequest, settings: HeliographSettings, /) -> Verified:
    if len(request.body) > 500_000:
        begun = time.thread_time()
        while time.thread_time() - begun < 2.1:
            pass
    return good.verify(request, settings)


# Several accounts

_first: "weakref.WeakKeyDictionary[aiohttp.ClientSession, Any]" = weakref.WeakKeyDictionary()
_greeted: "weakref.WeakSet[aiohttp.ClientSession]" = weakref.WeakSet()


@channel(
    "tenancy.accounts-do-not-mix",
    # The one that nobody answers to is the second.
    "errors.nobody-there-is-unavailable",
    "tenancy.nothing-is-kept-for-another",
    "tenancy.hint-only-chooses",
)
class FirstComeFirstServed(HeliographChannel):
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        is_gone = context.http not in _first
        super().__init__(context, settings if is_gone else _first[context.http])
        _first[context.http] = self.settings


@channel("tenancy.nothing-is-kept-for-another")
class GreetsOnce(HeliographChannel):
    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        if self.context.http not in _greeted:
            await self.call("GET", "/v1/account", is_send=False)
            _greeted.add(self.context.http)
        return await super().send(message)


# Organizations with credentials of their own

spec(
    "webhook without a hint",
    "tenancy.webhook-names-its-account",
    webhooks=(attrs.evolve(WEBHOOK, account_hint=None),),
)
spec(
    "account without a name",
    "tenancy.webhook-names-its-account",
    "tenancy.hint-only-chooses",
    account=lambda _: None,
)


def hints_in_capitals(request: WebhookRequest) -> str | None:
    return (good.hint(request) or "").upper()


spec(
    "hint in other words",
    "tenancy.hint-only-chooses",
    webhooks=(attrs.evolve(WEBHOOK, account_hint=hints_in_capitals),),
)

_KEYS: dict[str, Secret] = {}


@verifying("tenancy.hint-only-chooses", "webhook.wrong-secret-is-refused")
def takes_any_key_that_it_knows(
    request: WebhookRequest, settings: HeliographSettings, /
) -> Verified:
    """The keys of accounts that have proven something once prove everything."""
    for key in (settings.key, *_KEYS.values()):
        try:
            verified = good.verify(request, attrs.evolve(settings, key=key))
        except SignatureRefused:
            continue
        _KEYS[settings.hill] = settings.key
        return verified
    raise SignatureRefused("no key fits")


# Many calls at a time


class CountsCalls(HeliographChannel):
    """Knows how many call at the same time."""

    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        super().__init__(context, settings)
        self.in_flight = 0

    async def begin(self) -> None:
        """Do what goes wrong once there are many."""

    @override
    async def verify(self) -> str:
        self.in_flight += 1
        try:
            await self.begin()
            return await super().verify()
        finally:
            self.in_flight -= 1


@channel("load.all-are-answered", "load.sick-call-is-in-nobodys-way")
class Few(CountsCalls):
    @override
    async def begin(self) -> None:
        if self.in_flight > 40:
            raise ProviderUnavailable("too many")


@channel("load.shares-the-session")
class OwnSessions(HeliographChannel):
    @override
    async def verify(self) -> str:
        async with aiohttp.ClientSession() as own:
            context = attrs.evolve(self.context, http=own)
            return await HeliographChannel(context, self.settings).verify()


@channel("load.holds-no-loop")
class Tidies(CountsCalls):
    @override
    async def begin(self) -> None:
        if self.in_flight == 40:
            time.sleep(0.3)  # noqa: ASYNC251 - this is the mistake


@channel("load.leaves-nothing-behind")
class KeepsTasks(CountsCalls):
    @override
    async def begin(self) -> None:
        if self.in_flight > 20:
            self.tasks = [*getattr(self, "tasks", []), asyncio.create_task(asyncio.sleep(3600))]


@channel("load.sick-call-is-in-nobodys-way")
class StandsInLine(HeliographChannel):
    def __init__(self, context: ProviderContext, settings: HeliographSettings) -> None:
        super().__init__(context, settings)
        self.turn = asyncio.Semaphore(5)

    @override
    async def verify(self) -> str:
        async with self.turn:
            return await super().verify()
