"""What can happen at a provider that it tells us by webhooks: declared once, listed, triggered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox.control import ControlBody
from clientflow_core.sandbox.delivery import SignedRequest

# What the body that lets an event happen says beside the fields of the event.
_RESERVED: Final = frozenset({"event", "times"})


def _is_not_reserved(_: object, __: object, value: str) -> None:
    if value in _RESERVED:
        msg = f"{value!r} cannot be a field: it has a meaning for every event"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class EventField:
    """Something about an event that whoever triggers it may say.

    Attributes:
        name: in small letters.
        meaning: what it is, in a few words.
        default: what it is where nothing is said; None where something must be.
    """

    name: str = attrs.field(
        validator=[attrs.validators.matches_re(r"[a-z][a-z0-9_]*"), _is_not_reserved]
    )
    meaning: str
    default: str | None = None


@attrs.frozen(kw_only=True)
class Occurrence:
    """An event that has happened.

    Attributes:
        requests: the webhooks that tell of it, signed as the provider signs them.
        facts: what it has made or changed, such as the id of a message, as JSON.
    """

    requests: Sequence[SignedRequest]
    facts: Mapping[str, Any] = attrs.field(factory=dict)


Happen: TypeAlias = Callable[[Mapping[str, str]], Occurrence]
"""Lets an event happen, given each of its fields. Raises InvalidInput where a value breaks a rule,
and then nothing has happened."""


@attrs.frozen(kw_only=True)
class SandboxEvent:
    """One kind of event.

    Attributes:
        name: in the provider's words where it has any, such as ``invoice.paid``.
        summary: what happens, as a sentence.
        fields: what may be said about it.
        happen: see :data:`~clientflow_core.sandbox.events.Happen`.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z0-9]+([._-][a-z0-9]+)*"))
    summary: str
    fields: Sequence[EventField]
    happen: Happen

    def read(self, body: ControlBody) -> dict[str, str]:
        """Take the fields out of *body*, each with its default where it is not there.

        Raises:
            InvalidInput: one that must be there is not, or is no text.
        """
        return {
            field.name: body.text(field.name, default=field.default, is_blank_allowed=True)
            for field in self.fields
        }

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        fields = [attrs.asdict(field) for field in self.fields]
        return {"name": self.name, "summary": self.summary, "fields": fields}


def choose_event(events: Sequence[SandboxEvent], body: ControlBody) -> SandboxEvent:
    """Take the event that *body* names; the first where it names none.

    Raises:
        InvalidInput: there is no such event.
    """
    known = {event.name: event for event in events}
    name = body.text("event", default=next(iter(known), ""), is_blank_allowed=True)
    if name not in known:
        rule = f"must be one of {', '.join(known)}" if known else "is not known: there is none"
        raise InvalidInput(f"/event {rule}", [FieldError("/event", rule)])
    return known[name]
