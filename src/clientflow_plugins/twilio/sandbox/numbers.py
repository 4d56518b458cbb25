"""The numbers of the account and its messaging service: where texts to them are posted."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from clientflow_core.sandbox.control import Handler
from clientflow_plugins.twilio.sandbox.acceptance import Account
from clientflow_plugins.twilio.sandbox.lists import NUMBER_PARAMETERS, list_page, messaging_page
from clientflow_plugins.twilio.sandbox.refusals import (
    bad_request,
    not_found,
    read_form,
    refuse_unknown,
)
from clientflow_plugins.twilio.sandbox.resources import API_VERSION, number_resource, number_sid
from clientflow_plugins.twilio.sandbox.services import (
    campaign_resource,
    pool_resource,
    service_resource,
)

NUMBER_FIELDS: Final = frozenset({"SmsUrl", "SmsMethod"})
SERVICE_FIELDS: Final = frozenset({"InboundRequestUrl", "InboundMethod"})
_URL: Final = re.compile(r"https?://[!-~]+")


class Numbers:
    """Serves the numbers and the service of *account*; both post by POST alone.

    Args:
        account_sid: its SID.
        account: whose they are; the addresses that are set are kept in it.
        born: when it came to be.
        host_url: gives where the host is, to which texts are posted unless another address is set.
    """

    def __init__(
        self,
        account_sid: str,
        account: Account,
        *,
        born: dt.datetime,
        host_url: Callable[[], str],
    ) -> None:
        self._account_sid = account_sid
        self._account = account
        self._born = born
        self._host_url = host_url

    def routes(self, guarded: Callable[[Handler], Handler]) -> Iterable[web.RouteDef]:
        """Give the resources, each behind *guarded*."""
        numbers = f"/{API_VERSION}/Accounts/{{account}}/IncomingPhoneNumbers"
        service = "/v1/Services/{service}"
        return (
            web.get(f"{numbers}.json", guarded(self._list_numbers)),
            web.post(f"{numbers}/{{sid}}.json", guarded(self._set_number)),
            web.get(service, guarded(self._get_service)),
            web.post(service, guarded(self._set_service)),
            web.get(f"{service}/PhoneNumbers", guarded(self._list_pool)),
            web.get(f"{service}/Compliance/Usa2p", guarded(self._list_campaigns)),
        )

    def url_of(self, number: str) -> str:
        """Give where a text to *number* is posted: the service decides, where there is one."""
        return self._url(self._account.service_sid or number_sid(number))

    def _url(self, sid: str) -> str:
        return self._account.urls.get(sid, f"{self._host_url()}/webhooks/twilio")

    def _number(self, number: str) -> dict[str, Any]:
        since, url = self._account.numbers[number], self._url(number_sid(number))
        return number_resource(self._account_sid, number, since=since, sms_url=url)

    def _service(self, request: web.Request) -> dict[str, Any]:
        sid = self._require_service(request)
        return service_resource(
            self._account_sid,
            sid,
            since=self._born,
            sms_url=self._url(sid),
            campaign=self._account.campaign,
        )

    def _require_service(self, request: web.Request) -> str:
        sid = request.match_info["service"]
        if sid != self._account.service_sid:
            raise not_found(request)
        return sid

    async def _list_numbers(self, request: web.Request) -> web.StreamResponse:
        refuse_unknown(request.query, NUMBER_PARAMETERS)
        wanted = request.query.get("PhoneNumber")
        resources = [self._number(one) for one in self._account.numbers if wanted in {None, one}]
        found = {one["sid"]: one for one in resources}
        return web.json_response(list_page(request, "incoming_phone_numbers", found))

    async def _set_number(self, request: web.Request) -> web.StreamResponse:
        sid = request.match_info["sid"]
        number = next((one for one in self._account.numbers if number_sid(one) == sid), None)
        if number is None:
            raise not_found(request)
        form = await read_form(request)
        refuse_unknown(form, NUMBER_FIELDS)
        self._set_url(sid, form, url="SmsUrl", method="SmsMethod")
        return web.json_response(self._number(number))

    async def _get_service(self, request: web.Request) -> web.StreamResponse:
        refuse_unknown(request.query, frozenset())
        return web.json_response(self._service(request))

    async def _set_service(self, request: web.Request) -> web.StreamResponse:
        sid = self._require_service(request)
        form = await read_form(request)
        refuse_unknown(form, SERVICE_FIELDS)
        self._set_url(sid, form, url="InboundRequestUrl", method="InboundMethod")
        return web.json_response(self._service(request))

    async def _list_pool(self, request: web.Request) -> web.StreamResponse:
        sid = self._require_service(request)
        resources = [
            pool_resource(self._account_sid, sid, number, since=since)
            for number, since in self._account.numbers.items()
            if number not in self._account.outside
        ]
        found = {one["sid"]: one for one in resources}
        return web.json_response(messaging_page(request, "phone_numbers", found))

    async def _list_campaigns(self, request: web.Request) -> web.StreamResponse:
        sid, state = self._require_service(request), self._account.campaign
        one = campaign_resource(self._account_sid, sid, since=self._born, state=state)
        found = {one["sid"]: one} if state else {}
        return web.json_response(messaging_page(request, "compliance", found))

    def _set_url(self, sid: str, form: Mapping[str, str], *, url: str, method: str) -> None:
        given = form.get(url, self._url(sid))
        if not _URL.fullmatch(given):
            raise bad_request(21402, f"{url} is not a valid URL: {given}")
        if form.get(method, "POST") != "POST":
            # Twilio takes GET, too; the stand-in cannot act on it.
            raise bad_request(21403, f"{method} must be POST")
        self._account.urls[sid] = given
