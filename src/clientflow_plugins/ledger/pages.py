"""The ledger's page: what was sold and charged, and where a person writes down who has paid.

Where another provider has pages of its own, on which a card is charged, this one is believed: it is
for a business that is paid in another way, and for trying everything out.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from clientflow_core.contributions.jobs import JobContext, JobSpec
from clientflow_core.contributions.pages import (
    Facts,
    Form,
    Heading,
    PageBlock,
    PageContent,
    PageLink,
    PageRequest,
    PageSpec,
    Paragraph,
    Table,
)
from clientflow_core.domain.roles import Role
from clientflow_core.errors import Conflict, NotFound, ProviderRefused, RejectedInput
from clientflow_plugins.ledger.names import CHECKOUT, SUBSCRIPTION, customer_of, organization_of

if TYPE_CHECKING:
    from clientflow_plugins.ledger.books import Checkout, Contract
    from clientflow_plugins.ledger.provider import LedgerBilling

_TELL: Final = "tell_change"
_PATH: Final = "books"
_BILLING: Final = "/billing"


@attrs.frozen
class _Act:
    """Something that a person writes down about a subscription.

    Attributes:
        button: what it is called.
        change: makes the change; given the module ``books``, the subscription and the time.
    """

    button: str
    change: Callable[[Any, Any, Any], Any]


_ACTS: Final[Mapping[str, _Act]] = {
    "paid": _Act("Payment received", lambda books, one, now: books.receive_payment(one, now)),
    "missed": _Act("Payment missed", lambda books, one, now: books.miss_payment(one, now)),
    "end": _Act("End at once", lambda books, one, now: books.end(one, now, is_at_once=True)),
}


async def show_books(request: PageRequest) -> PageContent:
    """Give all that was sold, or what is about to be paid or changed."""
    ledger = await _ledger(request)
    if "checkout" in request.query:
        return PageContent(_offer(await _own_checkout(request, ledger)))
    if "subscription" in request.query:
        contract, act = await _own_contract(request, ledger), _act(request)
        now = request.context.clock.now()
        return PageContent([Heading(act.button), _about(contract, now), _button(act.button)])
    return PageContent([*await _overview(request, ledger)])


async def write_down(request: PageRequest) -> PageContent:
    """Write down what the form says: that a checkout is paid, or what has become of a sale."""
    ledger = await _ledger(request)
    if "checkout" in request.query:
        checkout = await _own_checkout(request, ledger)
        _tell(request, await ledger.pay(checkout.id))
        way_back = PageLink(text="Go on", to=_path(checkout.success_url))
        return PageContent([Paragraph("It is paid."), way_back])
    contract = await _own_contract(request, ledger)
    changed = await _changed(request, ledger, contract, _act(request))
    _tell(request, changed)
    done = Paragraph("It is written down.")
    return PageContent([done, _about(changed, request.context.clock.now()), *_links()])


async def tell_change(context: JobContext) -> None:
    """Tell the host of a change, as other providers do."""
    ledger: LedgerBilling = await context.own_provider("ledger")
    await ledger.tell(context.args["subscription"], event_id=context.args["event"])


PAGE: Final = PageSpec(
    path=_PATH, title="Ledger", role=Role.ADMIN, render=show_books, submit=write_down
)
TELL: Final = JobSpec(name=_TELL, handle=tell_change, deadline_seconds=20)


async def _ledger(request: PageRequest) -> "LedgerBilling":
    ledger: LedgerBilling = await request.context.own_provider("ledger")
    return ledger


async def _changed(
    request: PageRequest, ledger: "LedgerBilling", contract: "Contract", act: _Act
) -> "Contract":
    # Not at the top: this module is imported wherever the plugin is.
    from clientflow_plugins.ledger import books  # noqa: PLC0415

    now = request.context.clock.now()
    try:
        return await ledger.change(contract.id, lambda one: act.change(books, one, now))
    except ProviderRefused as error:
        raise Conflict(str(error)) from error


def _tell(request: PageRequest, contract: "Contract") -> None:
    event_id = f"levt_{uuid.uuid4().hex}"
    request.enqueue(_TELL, {"subscription": contract.id, "event": event_id})


async def _own_checkout(request: PageRequest, ledger: "LedgerBilling") -> "Checkout":
    name = request.query["checkout"]
    _require_own(request, name, kind=CHECKOUT)
    try:
        return await ledger.checkout(name)
    except RejectedInput as error:
        raise NotFound(str(error)) from error


async def _own_contract(request: PageRequest, ledger: "LedgerBilling") -> "Contract":
    name = request.query.get("subscription", "")
    _require_own(request, name, kind=SUBSCRIPTION)
    for contract in await ledger.contracts(request.organization_id):
        if contract.id == name:
            return contract
    raise _nothing(name)


def _require_own(request: PageRequest, name: str, *, kind: str) -> None:
    try:
        owner = organization_of(name, kind=kind)
    except RejectedInput as error:
        raise _nothing(name) from error
    if owner != request.organization_id:
        raise _nothing(name)


def _nothing(name: str) -> NotFound:
    return NotFound(f"the ledger has no {name!r}")


def _act(request: PageRequest) -> _Act:
    try:
        return _ACTS[request.query.get("act", "")]
    except KeyError as error:
        raise _nothing("act") from error


def _offer(checkout: "Checkout") -> Sequence[PageBlock]:
    plan = checkout.plan
    facts = [("plan", plan.title), ("price", f"{plan.price} a {plan.interval}")]
    if checkout.trial_days:
        facts.append(("trial", f"{checkout.trial_days} days at no cost"))
    note = "The ledger takes no money: it writes down that this was paid."
    back = PageLink(text="Not now", to=_path(checkout.cancel_url))
    return [Heading("Checkout"), Facts(facts), Paragraph(note), _button("Pay"), back]


async def _overview(request: PageRequest, ledger: "LedgerBilling") -> Iterator[PageBlock]:
    now = request.context.clock.now()
    contracts = await ledger.contracts(request.organization_id)
    return _listed(contracts, await _charges(request, ledger), now)


async def _charges(request: PageRequest, ledger: "LedgerBilling") -> Sequence[tuple[str, ...]]:
    try:
        invoices = await ledger.list_invoices(customer_of(request.organization_id))
    except RejectedInput:
        # Nobody has bought anything.
        return ()
    return [(f"{one.issued_at:%Y-%m-%d}", str(one.total), one.status.value) for one in invoices]


def _listed(
    contracts: Sequence["Contract"], charges: Sequence[tuple[str, ...]], now: Any
) -> Iterator[PageBlock]:
    for contract in contracts:
        yield Heading(contract.plan.title)
        yield _about(contract, now)
        yield from _acts(contract)
    yield Table(caption="Invoices", columns=["date", "total", "status"], rows=charges)
    yield from _links()


def _acts(contract: "Contract") -> Iterable[PageLink]:
    base = f"/x/ledger/{_PATH}?subscription={contract.id}"
    return [PageLink(text=act.button, to=f"{base}&act={name}") for name, act in _ACTS.items()]


def _about(contract: "Contract", now: Any) -> Facts:
    end = "ends" if contract.is_ending else "paid until"
    return Facts(
        [
            ("plan", contract.plan.title),
            ("price", f"{contract.plan.price} a {contract.plan.interval}"),
            ("status", contract.standing(now).value.replace("_", " ")),
            (end, f"{contract.period_end:%Y-%m-%d}"),
        ]
    )


def _button(text: str) -> Form:
    return Form(fields=(), button=text)


def _links() -> Sequence[PageLink]:
    return [PageLink(text="To billing", to=_BILLING)]


def _path(url: str) -> str:
    """Give where *url* leads: by its path where that is this host's, as the page is."""
    scheme, _, rest = url.partition("://")
    if scheme == "https":
        return url
    _, slash, path = rest.partition("/")
    return slash + path if slash and not path.startswith(("/", "\\")) else _BILLING
