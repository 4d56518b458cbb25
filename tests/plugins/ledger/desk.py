"""The desk at which the ledger is kept: what people do on its page, for the kit.

Each event does what the page does, by the same methods of the provider, and gives the webhook that
the page's job would post.
"""

import atexit
import tempfile
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.errors import FieldError, InvalidInput, ProviderRefused
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import EventField, Occurrence, SandboxEvent, SignedRequest
from clientflow_core.settings import load_settings
from clientflow_core.testing import LocalSandbox
from clientflow_plugins.ledger import books
from clientflow_plugins.ledger.books import Contract
from clientflow_plugins.ledger.catalogue import EXAMPLES
from clientflow_plugins.ledger.provider import Change, LedgerBilling
from clientflow_plugins.ledger.settings import LedgerSettings
from clientflow_plugins.ledger.spec import LEDGER
from clientflow_plugins.ledger.webhooks import sign_change

T = TypeVar("T")

_CLOCK: Final = SystemClock()
# Webhooks are looked at with the settings of a desk that is closed.
_FOLDER: Final = tempfile.TemporaryDirectory()
atexit.register(_FOLDER.cleanup)


class LedgerDesk(LocalSandbox):
    """A catalogue file of its own, and the events."""

    name: ClassVar[str] = "ledger"
    title: ClassVar[str] = "Ledger"
    spec = LEDGER

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._catalogue = Path(_FOLDER.name) / f"{uuid.uuid4()}.toml"
        self._prices: dict[str, str] = {}
        self._write_catalogue()

    @override
    def settings(self) -> dict[str, str]:
        return super().settings() | {"LEDGER_CATALOGUE": str(self._catalogue)}

    @override
    def clear(self) -> None:
        super().clear()
        self._prices.clear()
        self._write_catalogue()

    @override
    def events(self) -> Sequence[SandboxEvent]:
        checkout = EventField(name="checkout", meaning="which", default=self._last("checkouts"))
        price = [EventField(name=one, meaning=one) for one in ("key", "amount", "currency")]
        return (
            SandboxEvent(
                name="checkout.paid",
                summary="Somebody pays.",
                fields=(checkout,),
                happen=self._pay,
            ),
            self._event("payment.failed", lambda one: books.miss_payment(one, _CLOCK.now())),
            self._event("payment.received", lambda one: books.receive_payment(one, _CLOCK.now())),
            self._event(
                "subscription.ended", lambda one: books.end(one, _CLOCK.now(), is_at_once=True)
            ),
            SandboxEvent(name="price.set", summary="A plan.", fields=price, happen=self._set_price),
        )

    def _event(self, name: str, change: Change) -> SandboxEvent:
        def happen(values: Mapping[str, str]) -> Occurrence:
            changed = self._do(lambda ledger: ledger.change(values["subscription"], change))
            return self._tell(changed)

        newest = self._last("subscriptions")
        field = EventField(name="subscription", meaning="which", default=newest)
        return SandboxEvent(name=name, summary="It happens.", fields=(field,), happen=happen)

    def _pay(self, values: Mapping[str, str]) -> Occurrence:
        return self._tell(self._do(lambda ledger: ledger.pay(values["checkout"])))

    def _set_price(self, values: Mapping[str, str]) -> Occurrence:
        self._prices[values["key"]] = (
            f'[[plans]]\nkey = "{values["key"]}"\ntitle = "{values["key"]}"\n'
            f'price = {values["amount"]}\ncurrency = "{values["currency"]}"\ninterval = "month"\n'
        )
        self._write_catalogue()
        return Occurrence(requests=())

    def _write_catalogue(self) -> None:
        self._catalogue.write_text("\n".join([EXAMPLES.read_text(), *self._prices.values()]))

    def _last(self, collection: str) -> str | None:
        found: list[Any] = []
        for kept in self.records.state().values():
            found += kept.get(collection, {}).values()
        found = [one for one in found if one.get("status") != "canceled"]
        return max(found, key=lambda one: one["begun_at"])["id"] if found else None

    def _tell(self, contract: Contract) -> Occurrence:
        settings = load_settings(LedgerSettings, self.settings())
        body, headers = sign_change(
            event_id=f"levt_{uuid.uuid4().hex}",
            customer=contract.customer,
            subscription=contract.id,
            secret=settings.webhook_secret,
            now=self.clock.now(),
        )
        url = f"{self.host_url}/webhooks/ledger"
        return Occurrence(
            requests=[SignedRequest(url=url, headers=headers, body=body, label=contract.id)]
        )

    def _do(self, ask: Any) -> Contract:
        try:
            return _finish(self._ask(ask))
        except ProviderRefused as error:
            raise InvalidInput(str(error), [FieldError("/", str(error))]) from error

    async def _ask(self, ask: Any) -> Contract:
        settings = load_settings(LedgerSettings, self.settings())
        # Nothing here talks to anybody.
        context = ProviderContext(http=_NOBODY, records=self.records, public_url=self.host_url)
        contract: Contract = await ask(LedgerBilling(context, settings))
        return contract


_NOBODY: Final[Any] = None


def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end where a loop runs already: the records are in memory, none waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    msg = "it waits for something"
    raise AssertionError(msg)
