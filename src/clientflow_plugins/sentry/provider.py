"""The observer itself, on a client of Sentry's SDK that nobody else uses.

``sentry_sdk.init`` would make it that of the whole process and change other libraries: with its
integrations it imports every library that it knows (1.4 s, measured with sentry-sdk 2.75.0).
"""

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

from sentry_sdk import Client
from sentry_sdk.utils import Dsn, event_from_exception
from typing_extensions import override

from clientflow_core.providers.handover import Handover
from clientflow_core.providers.observer import Fields, ObserverProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.sentry.scrubbing import drop_breadcrumb, scrub_event, scrub_transaction
from clientflow_plugins.sentry.settings import SentrySettings, release_of
from clientflow_plugins.sentry.traces import Tracer
from clientflow_plugins.sentry.transport import EnvelopeSender, KeepingTransport

# An error takes some 20 kB while it waits.
_MOST_HELD: Final = 200
_FLUSH_SECONDS: Final = 6.0
# https://docs.sentry.io/platforms/python/enriching-events/tags/
_LONGEST_TAG: Final = 200
_MECHANISM: Final = {"type": "clientflow", "handled": False}


class SentryObserver(ObserverProvider):
    """Tells one project of Sentry; an async context.

    Args:
        context: lends the HTTP session.
        settings: the project.
    """

    def __init__(self, context: ProviderContext, settings: SentrySettings) -> None:
        self._handover: Handover[Any] = Handover(
            self._send, name="sentry", most_held=_MOST_HELD, batch=1, flush_seconds=_FLUSH_SECONDS
        )
        self._clock = context.clock
        self._transport = KeepingTransport(settings.dsn)
        dsn = Dsn(settings.dsn.reveal())
        self._sender = EnvelopeSender(context.http, dsn, client="clientflow.python/1")
        self._client = _quiet_client(self._transport, settings)
        self._tracer = Tracer(self._handover.hold, sample_rate=settings.traces_sample_rate)
        self._name = f"project {dsn.project_id} at {dsn.host}"

    async def __aenter__(self) -> Self:
        await self._handover.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._handover.__aexit__(kind, error, traceback)

    @override
    async def verify(self) -> str:
        """Post something to the project that shows nowhere, and give the project's number.

        Raises:
            AuthFailed: the DSN is not that of a project.
            RateLimited, ProviderUnavailable: Sentry does not take anything now.
        """
        await self._sender.prove()
        return self._name

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        """Keep *error* until it is sent, with *fields* as tags."""
        with contextlib.suppress(Exception):
            # Without the hint, in which the traceback would keep every variable alive.
            event, _ = event_from_exception(
                error, client_options=self._client.options, mechanism=dict(_MECHANISM)
            )
            event["timestamp"] = self._clock.now()
            event["tags"] = {name: str(value)[:_LONGEST_TAG] for name, value in fields.items()}
            span = self._tracer.current()
            if span is not None:
                event["contexts"] = {"trace": span.context()}
                event["transaction"] = span.root.name
            self._handover.hold(event)

    @override
    @contextlib.contextmanager
    def span(self, name: str, *, fields: Fields) -> Iterator[None]:
        """Time what the block does."""
        span = self._tracer.begin(name, fields)
        try:
            yield
        except BaseException as error:
            self._tracer.end(span, error)
            raise
        self._tracer.end(span, None)

    @override
    async def flush(self) -> None:
        """Send what is held, for some seconds at the most."""
        await self._handover.flush()

    async def _send(self, events: Sequence[Any]) -> None:
        # Made ready only now: whatever is dropped meanwhile costs little.
        for event in events:
            self._client.capture_event(event)
        for envelope in self._transport.take():
            await self._sender.send(envelope)


def _quiet_client(transport: KeepingTransport, settings: SentrySettings) -> Any:
    return Client(
        dsn=settings.dsn.reveal(),
        transport=transport,
        # Whatever is not said here, the SDK takes from the environment.
        release=release_of(settings),
        environment=settings.environment,
        # Otherwise it tells the name of the machine.
        server_name="clientflow",
        debug=False,
        spotlight=False,
        keep_alive=False,
        default_integrations=False,
        auto_enabling_integrations=False,
        enable_backpressure_handling=False,
        auto_session_tracking=False,
        send_client_reports=False,
        max_breadcrumbs=0,
        # send_default_pii is off where it is not named, and naming it is deprecated (2.75.0).
        include_local_variables=False,
        max_request_body_size="never",
        in_app_include=["clientflow_core", "clientflow_host", "clientflow_plugins"],
        before_send=scrub_event,
        before_send_transaction=scrub_transaction,
        before_breadcrumb=drop_breadcrumb,
    )
