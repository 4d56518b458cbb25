"""What the sandboxes of a running `up` can be asked to send, over their control surface.

No plugin is imported: each sandbox says for itself what can happen at its provider.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs

from clientflow_core.errors import ClientFlowError
from clientflow_host.state import UpNote

# Longer than the host may take for a webhook; a switch of the sandbox may hold one back for longer.
_ANSWER_SECONDS: Final = 60.0


class TriggerFailed(ClientFlowError):
    """Nothing was triggered: there is no such event, or its sandbox refuses what was said of it."""

    code = "trigger_failed"
    remedy = "`clientflow trigger --list` shows the events, and what can be said of each."


@attrs.frozen(kw_only=True)
class TriggerField:
    """Something that may be said of an event; without a default it must be."""

    name: str
    meaning: str
    default: str | None


@attrs.frozen(kw_only=True)
class TriggerEvent:
    """An event that a sandbox can let happen."""

    provider: str
    name: str
    summary: str
    fields: Sequence[TriggerField]

    @property
    def full_name(self) -> str:
        """As it is triggered: ``twilio.inbound-sms``."""
        return f"{self.provider}.{self.name}"


class Sandboxes:
    """The sandboxes of a running `up`.

    Args:
        http: to ask them by.
        url: where they are.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def list_events(self) -> list[TriggerEvent]:
        """List what each can let happen.

        Raises:
            TriggerFailed: one does not answer as it should.
        """
        health = await self._ask("GET", "/health")
        return [
            _read_event(provider, one)
            for provider in health["sandboxes"]
            for one in (await self._ask("GET", f"/{provider}/_control/events"))["events"]
        ]

    async def trigger(
        self, event: TriggerEvent, values: Mapping[str, str], *, times: int
    ) -> dict[str, Any]:
        """Let *event* happen, and give what the sandbox tells of it.

        Raises:
            TriggerFailed: it refuses *values*, or does not answer.
        """
        body = {"event": event.name, **values, "times": times}
        path = f"/{event.provider}/_control/inbound"
        told: dict[str, Any] = await self._ask("POST", path, json=body)
        return told

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            async with self._http.request(method, f"{self._url}{path}", **more) as answer:
                if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                    raise _refused(await answer.json(content_type=None))
                answer.raise_for_status()
                return await answer.json()
        except TimeoutError as error:
            msg = (
                f"the sandbox at {self._url} has not answered for {_ANSWER_SECONDS:.0f} s: does a"
                " switch of it hold webhooks back?"
            )
            raise TriggerFailed(msg) from error
        except (aiohttp.ClientError, ValueError) as error:
            msg = (
                f"the sandbox at {self._url} does not answer ({type(error).__name__}): is"
                " `clientflow up` running?"
            )
            raise TriggerFailed(msg) from error


@asynccontextmanager
async def open_sandboxes(note: UpNote) -> AsyncIterator[Sandboxes]:
    """Open the sandboxes of a running `up`.

    Raises:
        TriggerFailed: it has none.
    """
    if note.sandbox_url is None:
        msg = (
            "every provider is the real one here, and only a sandbox can be asked to send webhooks"
        )
        raise TriggerFailed(msg)
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Sandboxes(http, note.sandbox_url)


def choose_event(
    events: Sequence[TriggerEvent], full_name: str, *, is_real: Callable[[str], bool]
) -> TriggerEvent:
    """Find the event that is called *full_name*.

    Args:
        events: that can be triggered.
        full_name: the provider, a dot, and the event.
        is_real: tells whether a provider is in use without being a sandbox.

    Raises:
        TriggerFailed: there is none; names those that there are.
    """
    for event in events:
        if event.full_name == full_name:
            return event
    provider, _, name = full_name.partition(".")
    if is_real(provider):
        msg = f"{provider} is the real one here, and only a sandbox can be asked to send webhooks"
        raise TriggerFailed(msg)
    of_provider = [event.full_name for event in events if event.provider == provider]
    known = of_provider or [event.full_name for event in events]
    what = f"event {name!r} of {provider}" if of_provider and name else f"event {full_name!r}"
    msg = f"there is no {what}; there is: {', '.join(known) or 'none'}"
    raise TriggerFailed(msg)


def check_fields(event: TriggerEvent, values: Mapping[str, str]) -> None:
    """Make sure that *event* has the fields of *values*, and each field that it needs is there.

    Raises:
        TriggerFailed: it is not so; names the fields.
    """
    known = [field.name for field in event.fields]
    for name in values:
        if name not in known:
            msg = f"{event.full_name} has no field {name!r}; it has: {', '.join(known) or 'none'}"
            raise TriggerFailed(msg)
    for field in event.fields:
        if field.default is None and field.name not in values:
            msg = f"{event.full_name} needs --set {field.name}=…: {field.meaning}"
            raise TriggerFailed(msg)


def _read_event(provider: str, one: Mapping[str, Any]) -> TriggerEvent:
    fields = [
        TriggerField(name=f["name"], meaning=f["meaning"], default=f["default"])
        for f in one["fields"]
    ]
    return TriggerEvent(provider=provider, name=one["name"], summary=one["summary"], fields=fields)


def _refused(problem: Mapping[str, Any]) -> TriggerFailed:
    detail = problem["detail"].lstrip("/")
    hints = [error["detail"] for error in problem["errors"] if error["detail"] not in detail]
    return TriggerFailed(f"the sandbox refuses it: {': '.join([detail, *hints])}")
