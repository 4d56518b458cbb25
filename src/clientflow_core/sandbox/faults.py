"""Switches that make a sandbox misbehave as real providers do."""

import enum
from typing import Any, Final

import attrs

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox.control import ControlBody


class Answer(enum.StrEnum):
    """How a call to the sandbox's API goes wrong.

    Those that end in *acceptance*, *bad_json*, *cut_within* and *drip* do the work first; all
    others do nothing.
    """

    RATE_LIMITED = "429"
    INTERNAL_ERROR = "500"
    UNAVAILABLE = "503"
    TIMEOUT = "timeout"
    CUT_BEFORE = "cut_before"
    CUT_AFTER_ACCEPTANCE = "cut_after_acceptance"
    CUT_WITHIN = "cut_within"
    DRIP = "drip"
    BAD_JSON = "bad_json"
    HTML = "html"


# Those of HTTP, and of CalDAV.
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
DOES_THE_WORK: Final = frozenset(
    {None, Answer.CUT_AFTER_ACCEPTANCE, Answer.CUT_WITHIN, Answer.DRIP, Answer.BAD_JSON}
)


@attrs.define(kw_only=True)
class CallFault:
    """What befalls the next calls.

    Attributes:
        calls: how many are left.
        answer: None does the work at once and answers late.
        delay_seconds: before the answer.
        retry_after_seconds: the header of 429 and 503.
        spares_reading: calls that only read, such as GET, are left alone.
    """

    calls: int
    answer: Answer | None = None
    delay_seconds: float = 0.0
    retry_after_seconds: int = 1
    spares_reading: bool = False

    def befalls(self, method: str) -> bool:
        """Tell whether a call by the HTTP method *method* goes wrong."""
        return not (self.spares_reading and method in _READING)


@attrs.define(kw_only=True)
class WebhookFault:
    """What befalls the webhooks from now on.

    Attributes:
        times: how often each is sent.
        shuffled: collect those of half a second, or of the delay if longer, and change their order.
        delay_seconds: before each is sent.
        drop: how many of the next are never sent.
    """

    times: int = 1
    shuffled: bool = False
    delay_seconds: float = 0.0
    drop: int = 0


@attrs.define
class FaultSwitches:
    """The switches of one sandbox."""

    call: CallFault | None = None
    webhooks: WebhookFault = attrs.field(factory=WebhookFault)

    def set(self, body: ControlBody) -> None:
        """Replace the half, or both halves, that *body* names.

        Raises:
            InvalidInput: it names none, or breaks a rule; then nothing is changed.
        """
        if "calls" not in body and "webhooks" not in body:
            msg = "name calls with an answer or a delay, or webhooks"
            raise InvalidInput(msg, [FieldError("", msg)])
        call = _read_call(body) if "calls" in body else self.call
        webhooks = _read_webhooks(body) if "webhooks" in body else self.webhooks
        body.finish()
        self.call, self.webhooks = call, webhooks

    def take_call(self, method: str = "POST") -> CallFault | None:
        """Give what befalls this call, one by the HTTP method *method*, and count it."""
        fault = self.call
        if fault is None or not fault.befalls(method):
            return None
        fault.calls -= 1
        if fault.calls <= 0:
            self.call = None
        return fault

    def take_drop(self) -> bool:
        """Tell whether this webhook is dropped, and count it."""
        if self.webhooks.drop <= 0:
            return False
        self.webhooks.drop -= 1
        return True

    def reset(self) -> None:
        """Behave again."""
        self.call, self.webhooks = None, WebhookFault()

    def state(self) -> dict[str, Any]:
        """Give the switches as JSON."""
        return {
            "calls": attrs.asdict(self.call) if self.call else None,
            "webhooks": attrs.asdict(self.webhooks),
        }


def _read_call(body: ControlBody) -> CallFault | None:
    calls = body.whole("calls", minimum=0)
    answer = body.text("answer", default="late")
    delay_seconds = body.seconds("delay_seconds", default=0.0)
    retry_after_seconds = body.whole("retry_after_seconds", minimum=0, default=1)
    spares_reading = body.flag("spares_reading", default=False)
    words = [member.value for member in Answer]
    if answer != "late" and answer not in words:
        raise InvalidInput(
            f"/answer must be one of {', '.join(words)}",
            [FieldError("/answer", "is not known here")],
        )
    if not calls:
        return None
    return CallFault(
        calls=calls,
        answer=None if answer == "late" else Answer(answer),
        delay_seconds=delay_seconds,
        retry_after_seconds=retry_after_seconds,
        spares_reading=spares_reading,
    )


def _read_webhooks(body: ControlBody) -> WebhookFault:
    section = body.section("webhooks")
    fault = WebhookFault(
        times=section.whole("times", minimum=1, maximum=100, default=1),
        shuffled=section.flag("shuffled", default=False),
        delay_seconds=section.seconds("delay_seconds", default=0.0),
        drop=section.whole("drop", minimum=0, default=0),
    )
    section.finish()
    return fault
