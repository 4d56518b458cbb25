"""Real webhooks of a provider, as its sandbox signs and sends them."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from clientflow_core.errors import InvalidInput
from clientflow_core.providers.webhooks import WebhookRequest, WebhookSpec
from clientflow_core.sandbox import SandboxEvent, SignedRequest
from clientflow_core.testing.sandbox_thread import webhook_request

if TYPE_CHECKING:
    from clientflow_core.testing.conformance import Conformance
    from clientflow_core.testing.stage import Stage

_PATIENCE_SECONDS: Final = 3.0
_taken: "weakref.WeakKeyDictionary[type, Samples]" = weakref.WeakKeyDictionary()


@attrs.frozen(kw_only=True)
class Samples:
    """What a sandbox has sent.

    Attributes:
        values: the settings that the webhooks are verified with.
        settings: the same, loaded.
        requests: by the name of the webhook.
    """

    values: Mapping[str, str]
    settings: Any
    requests: Mapping[str, Sequence[WebhookRequest]]

    def each(
        self, webhooks: Sequence[WebhookSpec]
    ) -> Iterator[tuple[WebhookSpec, Sequence[WebhookRequest]]]:
        """Give each of *webhooks* that the sandbox sends, with what it has sent there."""
        for webhook in webhooks:
            if self.requests[webhook.name]:
                yield webhook, self.requests[webhook.name]


def take_samples(suite: "Conformance") -> Samples:
    """Let everything happen of which the sandbox tells; done once for each class."""
    kind = type(suite)
    if kind not in _taken:
        with suite.stage() as stage:
            requests = stage.run(take_requests(suite, stage))
            _taken[kind] = Samples(
                values=stage.values, settings=stage.settings(), requests=requests
            )
    return _taken[kind]


async def take_requests(
    suite: "Conformance", stage: "Stage"
) -> Mapping[str, Sequence[WebhookRequest]]:
    """Let everything happen on *stage* that can, and give its webhooks by their names."""
    webhooks = suite.spec.webhooks
    # What the provider has done may be what the sandbox tells of: by itself, or when it is asked.
    async with stage.provider() as provider:
        await suite.use(provider, stage)
    asked = happen_all(suite, stage)

    def sorted_out() -> dict[str, list[WebhookRequest]]:
        return {
            one.name: [r for r in asked + stage.arrived() if is_for(one, r)] for one in webhooks
        }

    await stage.wait_for(lambda: all(sorted_out().values()), seconds=_PATIENCE_SECONDS)
    return sorted_out()


def is_for(webhook: WebhookSpec, request: WebhookRequest) -> bool:
    """Tell whether *request* came to *webhook*."""
    return urlsplit(request.url).path.endswith(webhook.path)


def happen_all(suite: "Conformance", stage: "Stage") -> list[WebhookRequest]:
    """Let each event of the sandbox happen that can, and give its webhooks; none is sent."""
    names = [event.name for event in stage.server.call(stage.sandbox.events)]
    return [request for name in names for request in happen(suite, stage, name)]


def happen(
    suite: "Conformance", stage: "Stage", name: str, fields: Mapping[str, str] | None = None
) -> list[WebhookRequest]:
    """Let the event *name* happen, and give its webhooks; none where a value of it is not known.

    Args:
        suite: knows values for fields without a default.
        stage: has the sandbox.
        name: of the event.
        fields: what is said about it.
    """
    given = {**suite.event_values.get(name, {}), **(fields or {})}

    def let_happen() -> Sequence[SignedRequest]:
        # Asked anew: the default of a field may be what has just been done.
        event = next(one for one in stage.sandbox.events() if one.name == name)
        values = _values(event, given)
        try:
            return () if values is None else event.happen(values).requests
        except InvalidInput:
            # Nothing has happened; such as a report on a message that asks for none.
            return ()

    signed = stage.server.call(let_happen)
    return [webhook_request(url=one.url, headers=one.headers, body=one.body) for one in signed]


def _values(event: SandboxEvent, given: Mapping[str, str]) -> dict[str, str] | None:
    values = {field.name: given.get(field.name, field.default) for field in event.fields}
    known = {name: value for name, value in values.items() if value is not None}
    return known if len(known) == len(values) else None
