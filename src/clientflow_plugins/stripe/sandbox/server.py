"""The stand-in for Stripe: one account, its API, the pages of payers, and signed webhooks."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from http import HTTPStatus
from typing import Any, ClassVar, Final

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.sandbox import ProviderSandbox, SandboxEvent, SignedRequest
from clientflow_plugins.stripe.sandbox import asked, pages, resources
from clientflow_plugins.stripe.sandbox.books import Books
from clientflow_plugins.stripe.sandbox.dealings import Dealings
from clientflow_plugins.stripe.sandbox.filters import (
    Params,
    has,
    is_event,
    is_for,
    is_in,
    is_price,
    newest,
)
from clientflow_plugins.stripe.sandbox.happenings import Happenings
from clientflow_plugins.stripe.sandbox.lists import expand, page
from clientflow_plugins.stripe.sandbox.parameters import Kind, read_form
from clientflow_plugins.stripe.sandbox.refusals import (
    Refusal,
    key_reused,
    not_found,
    unauthorized,
    unknown_url,
)
from clientflow_plugins.stripe.sandbox.resources import Resource
from clientflow_plugins.stripe.sandbox.signing import sign
from clientflow_plugins.stripe.settings import API_VERSION, WEBHOOK_PATH

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# What a call does, given the id in its path and its parameters.
Do = Callable[[str, Params], Resource]
_LONGEST_KEY: Final = 255
_FORM: Final = "application/x-www-form-urlencoded"


class StripeSandbox(ProviderSandbox):
    """One account in test mode that sells three plans; see ``ProviderSandbox`` for the rest."""

    name: ClassVar[str] = "stripe"
    title: ClassVar[str] = "Stripe"
    thing: ClassVar[str] = "order"

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
    ) -> None:
        super().__init__(base_url=base_url, host_url=host_url, credentials=credentials, clock=clock)
        self.books = Books(clock=self.clock)
        self._dealings = Dealings(self.books)
        self._happenings = Happenings(self.books, sign=self._sign)
        # What was asked under which key, and what was answered.
        self._keys: dict[str, tuple[object, Resource]] = {}
        self._born = self.books.now

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account in test mode."""
        return {
            "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(24)}",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
            "STRIPE_PUBLISHABLE_KEY": f"pk_test_{secrets.token_hex(24)}",
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, and where the API is."""
        return self.credentials | {"STRIPE_API_BASE_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give what the plugin calls, and the pages that payers see."""
        get, post, books = self._reading, self._changing, self.books
        return (
            get("/v1/account", asked.NOTHING, self._get_account),
            get("/v1/prices", asked.PRICES, self._list_prices),
            post("/v1/prices", asked.PRICE, lambda _, given: books.new_price(given)),
            get("/v1/customers", asked.CUSTOMERS, self._list_customers),
            post("/v1/customers", asked.CUSTOMER, lambda _, g: books.new_customer(g)),
            post(
                "/v1/checkout/sessions", asked.CHECKOUT, lambda _, given: books.new_session(given)
            ),
            post("/v1/billing_portal/sessions", asked.PORTAL, lambda _, g: books.new_portal(g)),
            get("/v1/subscriptions", asked.SUBSCRIPTIONS, self._list_subscriptions),
            get("/v1/subscriptions/{id}", asked.NOTHING, lambda one, _: self._subscription(one)),
            post("/v1/subscriptions/{id}", asked.SUBSCRIPTION, self._update),
            self._route("DELETE", "/v1/subscriptions/{id}", asked.NOTHING, self._end),
            post("/v1/billing/meter_events", asked.USAGE, self._note_usage),
            get("/v1/invoices", asked.INVOICES, self._list_invoices),
            get("/v1/events", asked.EVENTS, self._list_events),
            get("/v1/webhook_endpoints", asked.ENDPOINTS, self._list_endpoints),
            post("/v1/webhook_endpoints", asked.ENDPOINT, lambda _, g: books.new_endpoint(g)),
            post("/v1/webhook_endpoints/{id}", asked.ENDPOINT_CHANGE, self._change_endpoint),
            get(
                "/v1/billing_portal/configurations",
                asked.PORTAL_SETTINGS,
                self._list_portal_settings,
            ),
            web.route("*", "/v1/{rest:.*}", self._answering(self._refuse_url)),
            web.get("/pay/{id}", self._answering(self._show_checkout)),
            web.post("/pay/{id}", self._answering(self._pay_checkout)),
            web.get("/invoices/{id}", self._answering(self._show_invoice)),
            web.get("/portal/{id}", self._answering(self._show_portal)),
            web.post("/portal/{id}/{subscription}", self._answering(self._use_portal)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give Stripe's JSON for *status*."""
        is_fast = status == HTTPStatus.TOO_MANY_REQUESTS
        kind = "invalid_request_error" if is_fast else "api_error"
        code = "rate_limit" if is_fast else None
        return Refusal(
            message=HTTPStatus(status).phrase, status=status, kind=kind, code=code
        ).as_response()

    @override
    def state(self) -> dict[str, Any]:
        """Give all that the account has."""
        return self.books.state()

    @override
    def clear(self) -> None:
        """Begin anew, with the three plans."""
        self.books.clear()
        self._keys.clear()

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give what payers do, and what becomes of their payments."""
        return self._happenings.all()

    def _reading(self, path: str, kind: Kind, do: Do) -> web.RouteDef:
        return self._route("GET", path, kind, do)

    def _changing(self, path: str, kind: Kind, do: Do) -> web.RouteDef:
        return self._route("POST", path, kind, do)

    def _route(self, method: str, path: str, kind: Kind, do: Do) -> web.RouteDef:
        async def answer(request: web.Request) -> web.StreamResponse:
            self._authenticate(request)
            _require_version(request)
            given = kind(await _read_parameters(request), "")
            made = self._once(request, given, lambda: do(request.match_info.get("id", ""), given))
            return web.json_response(expand(made, given.get("expand", ()), self.books.look))

        return web.RouteDef(method, path, self._answering(answer), {})

    def _answering(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.books.base_url = self.base_url
            try:
                response = await handler(request)
            except Refusal as refusal:
                response = refusal.as_response()
            response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
            return response

        return answer

    def _authenticate(self, request: web.Request) -> None:
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        expected = f"Bearer {self.credentials['STRIPE_SECRET_KEY']}".encode()
        if not hmac.compare_digest(given, expected):
            raise unauthorized(given.removeprefix(b"Bearer ").decode("ascii", "replace"))

    def _once(self, request: web.Request, given: Params, do: Callable[[], Resource]) -> Resource:
        """Do it, once for each key: https://docs.stripe.com/api/idempotent_requests."""
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key:
            return do()
        if len(key) > _LONGEST_KEY:
            raise Refusal(message=f"Idempotency keys have at most {_LONGEST_KEY} characters.")
        asks = request.path, dict(given)
        if key not in self._keys:
            self._keys[key] = asks, resources.copy_of(do())
        before, made = self._keys[key]
        if before != asks:
            raise key_reused(key)
        return made

    def _get_account(self, _: str, __: Params) -> Resource:
        return resources.account(created=self._born)

    def _list_prices(self, _: str, given: Params) -> Resource:
        found = [one for one in newest(self.books.prices) if is_price(one, given)]
        return page("/v1/prices", found, given)

    def _list_customers(self, _: str, given: Params) -> Resource:
        found = [one for one in newest(self.books.customers) if has(one, given, "email")]
        return page("/v1/customers", found, given)

    def _list_subscriptions(self, _: str, given: Params) -> Resource:
        self._require_customer_of(given)
        status = given.get("status")
        found = [
            one
            for one in newest(self.books.subscriptions)
            if has(one, given, "customer") and is_in(one["status"], status)
        ]
        return page("/v1/subscriptions", found, given)

    def _subscription(self, name: str) -> Resource:
        if name not in self.books.subscriptions:
            raise not_found("subscription", name)
        return self.books.subscriptions[name]

    def _update(self, name: str, given: Params) -> Resource:
        subscription = self._subscription(name)
        self._send_all(self._dealings.update(subscription, given))
        return subscription

    def _end(self, name: str, _: Params) -> Resource:
        subscription = self._subscription(name)
        self._send_all(self._dealings.end(subscription))
        return subscription

    def _note_usage(self, _: str, given: Params) -> Resource:
        # It is checked as a number, and stays the text that it is.
        payload = {key: str(value) for key, value in given["payload"].items()}
        return self.books.note_usage({**given, "payload": payload})

    def _list_invoices(self, _: str, given: Params) -> Resource:
        self._require_customer_of(given)
        names = ("customer", "status")
        found = [
            one
            for one in newest(self.books.invoices)
            if all(has(one, given, name) for name in names) and is_for(one, given)
        ]
        return page("/v1/invoices", found, given)

    def _list_events(self, _: str, given: Params) -> Resource:
        taken = self._taken()
        shown = [
            event | {"pending_webhooks": 0 if event["id"] in taken else 1}
            for event in newest(self.books.events)
        ]
        return page("/v1/events", [one for one in shown if is_event(one, given)], given)

    def _list_endpoints(self, _: str, given: Params) -> Resource:
        return page("/v1/webhook_endpoints", self._endpoints(), given)

    def _endpoints(self) -> Sequence[Resource]:
        first = self.books.endpoint
        shown = first | {"url": first.get("url") or f"{self.host_url}{WEBHOOK_PATH}"}
        return [*newest(self.books.more_endpoints), shown]

    def _change_endpoint(self, name: str, given: Params) -> Resource:
        kept = {**self.books.more_endpoints, "we_sandbox": self.books.endpoint}
        if name not in kept:
            raise not_found("webhook endpoint", name)
        kept[name] |= {key: given[key] for key in ("enabled_events", "url") if key in given}
        if "disabled" in given:
            kept[name]["status"] = "disabled" if given["disabled"] else "enabled"
        return next(one for one in self._endpoints() if one["id"] == name)

    def _list_portal_settings(self, _: str, given: Params) -> Resource:
        one = self.books.portal_configuration
        is_asked_for = one and all(has(one, given, name) for name in ("active", "is_default"))
        return page("/v1/billing_portal/configurations", [one] if is_asked_for else [], given)

    def _taken(self) -> Set[str]:
        """Give the ids of the events that the endpoint has answered well, at least once."""
        return {
            one.label.partition(" ")[0]
            for one in self.sender.deliveries
            if one.status is not None and HTTPStatus.OK <= one.status < HTTPStatus.MULTIPLE_CHOICES
        }

    def _require_customer_of(self, given: Params) -> None:
        if "customer" in given:
            self.books.require_customer(given["customer"])

    async def _refuse_url(self, request: web.Request) -> web.StreamResponse:
        self._authenticate(request)
        raise unknown_url(request.method, request.path)

    async def _show_checkout(self, request: web.Request) -> web.StreamResponse:
        session = self._open_session(request)
        return pages.checkout_page(session, self.books.sales[session["id"]].price)

    async def _pay_checkout(self, request: web.Request) -> web.StreamResponse:
        session = self._open_session(request)
        self._send_all(self._dealings.complete(session))
        url = str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
        return _led_to(url)

    async def _show_invoice(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.books.invoices:
            raise not_found("page", name)
        return pages.invoice_page(self.books.invoices[name])

    async def _show_portal(self, request: web.Request) -> web.StreamResponse:
        portal = self._portal(request)
        owned = [
            one for one in newest(self.books.subscriptions) if one["customer"] == portal["customer"]
        ]
        return pages.portal_page(portal, owned)

    async def _use_portal(self, request: web.Request) -> web.StreamResponse:
        portal = self._portal(request)
        subscription = self._subscription(request.match_info["subscription"])
        if subscription["customer"] != portal["customer"]:
            raise not_found("subscription", subscription["id"])
        self._send_all(self._happenings.toggle(subscription))
        return _led_to(f"{self.base_url}/portal/{portal['id']}")

    def _open_session(self, request: web.Request) -> Resource:
        session = self.books.sessions.get(request.match_info["id"])
        is_open = session is not None and session["status"] == "open"
        if session is None or not is_open or session["expires_at"] < self.books.now:
            raise not_found("page", request.match_info["id"])
        return session

    def _portal(self, request: web.Request) -> Resource:
        name = request.match_info["id"]
        if name not in self.books.portals:
            raise not_found("page", name)
        return self.books.portals[name]

    def _send_all(self, events: Iterable[Resource]) -> None:
        for event in events:
            # Not awaited: a host that is slow, or a switch, must not hold up the answer.
            self.run_in_background(self._send(self._sign(event)))

    async def _send(self, request: SignedRequest) -> None:
        await self.sender.deliver(request)

    def _sign(self, event: Resource) -> SignedRequest:
        secret = self.credentials["STRIPE_WEBHOOK_SECRET"]
        return sign(f"{self.host_url}{WEBHOOK_PATH}", event, secret=secret, at=self.books.now)


async def _read_parameters(request: web.Request) -> dict[str, Any]:
    query = read_form(request.rel_url.raw_query_string)
    if request.method != "POST":
        return query
    if request.content_type != _FORM:
        raise Refusal(message=f"Send {_FORM}.")
    try:
        body = (await request.read()).decode("utf-8")
    except ValueError as error:
        raise Refusal(message="Invalid UTF-8 in the request.") from error
    return query | read_form(body)


def _require_version(request: web.Request) -> None:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise Refusal(message=f"Invalid Stripe API version: {version}")


def _led_to(url: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})
