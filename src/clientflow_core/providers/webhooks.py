"""What a plugin says about the webhooks that its provider sends.

``verify`` runs on the intake path before anything is stored; ``parse`` runs in the worker, on what
was stored. Both are plain functions of their arguments, so that they can be tested, replayed and
used inside somebody else's web application.
"""

import datetime as dt
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from clientflow_core.clock import SystemClock
from clientflow_core.domain.messages import ProviderEvent

MEBIBYTE: Final = 1024 * 1024


def _by_lower_case_name(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _now() -> dt.datetime:
    return SystemClock().now()


@attrs.frozen(kw_only=True)
class WebhookRequest:
    """A webhook as it arrived, byte for byte.

    Attributes:
        url: the address that the provider called: the configured public URL, the path and the raw
            query. Never the Host header, which the caller chooses.
        headers: by lower-case name; may be given in any case, as every web framework has them.
        body: as received.
        received_at: aware; by default now, by the clock of the machine.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(converter=_by_lower_case_name)
    body: bytes
    received_at: dt.datetime = attrs.field(factory=_now)


@attrs.frozen(kw_only=True)
class Verified:
    """The sender has proven who it is.

    Attributes:
        external_id: what makes this request the same as its repetition; one row each is kept.
        account: the account at the provider that it is about.
        recipient: the address of ours that it came to, or that it is about, where that can be seen
            here at no cost. Then what others are sent in crowds does not hold it up. What it means
            is for *parse* alone to say.
    """

    external_id: str
    account: str
    recipient: str | None = None


class Verify(Protocol):
    """The signature of a verifier."""

    def __call__(self, request: WebhookRequest, settings: Any, /) -> Verified:
        """Check the signature over *request*.

        Raises:
            SignatureRefused: the signature is missing or wrong.
            BadPayload: the request cannot be read at all.
        """
        ...


Parse = Callable[[WebhookRequest], Sequence[ProviderEvent]]
"""Gives what a stored request means; nothing for what does not concern us. Raises BadPayload."""


AccountHint = Callable[[WebhookRequest], str | None]
"""Gives the account at the provider that a request says it is about, which nobody has proven yet.

It only chooses whose secrets the request is checked with. Raises BadPayload."""


def _lower_case(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _is_plain_function(_: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    # What an async one gives is a coroutine, which nobody here awaits: nothing would be verified.
    if not callable(value) or inspect.iscoroutinefunction(value):
        msg = f"the {attribute.name} of a webhook must be a function that is not async"
        raise TypeError(msg)


@attrs.frozen(kw_only=True)
class WebhookSpec:
    """One address at which a provider calls us. There is none without a verifier.

    Attributes:
        name: the last part of the path: ``/webhooks/{name}``.
        verify: see :class:`~clientflow_core.providers.webhooks.Verify`.
        parse: see :data:`~clientflow_core.providers.webhooks.Parse`.
        account_hint: tells whose credentials may be meant; without it the
            settings of organizations prove nothing here.
        keep_headers: the headers that *parse* or a later check needs.
        max_body_bytes: a larger body is answered 413.
        body_type: the media type of what the provider sends, for the API's document.
        reply_body: of the 2xx that the provider expects.
        reply_type: its media type.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z0-9]+(-[a-z0-9]+)*"))
    verify: Verify = attrs.field(validator=_is_plain_function)
    parse: Parse = attrs.field(validator=_is_plain_function)
    account_hint: AccountHint | None = None
    keep_headers: frozenset[str] = attrs.field(
        default=frozenset({"content-type"}), converter=_lower_case
    )
    max_body_bytes: int = MEBIBYTE
    body_type: str = "*/*"
    reply_body: str = ""
    reply_type: str = "text/plain"

    @property
    def path(self) -> str:
        """Where the host serves it."""
        return f"/webhooks/{self.name}"
