"""What the checklist reads and sets of the account at Twilio.

The numbers of an account: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource;
a service and its pool: https://www.twilio.com/docs/messaging/api/service-resource; whether it is
registered for A2P 10DLC: https://www.twilio.com/docs/messaging/api/usapptoperson-resource.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import aiohttp

from clientflow_core.contributions.checks import CheckContext
from clientflow_core.errors import ProviderUnavailable
from clientflow_plugins.twilio.settings import TwilioSettings

_API: Final = "https://api.twilio.com"
_MESSAGING_API: Final = "https://messaging.twilio.com"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
# The largest page; a pool has fewer.
_ALL: Final = {"PageSize": "1000"}
# No answer, one that says no, or one that is something else.
_NO_ANSWER: Final = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)
T = TypeVar("T")


async def find_number(context: CheckContext, number: str) -> Mapping[str, Any] | None:
    """Give what the account says of *number*; None if it is not one of its own.

    Raises:
        ProviderUnavailable: Twilio did not answer, or not with a list.
    """

    def find(read: Any) -> Mapping[str, Any] | None:
        listed = read["incoming_phone_numbers"]
        return next((one for one in listed if one["phone_number"] == number), None)

    what, params = "list the numbers of the account", {"PhoneNumber": number}
    return await _call(context, "GET", _numbers_url(context), find, what=what, params=params)


async def read_service(context: CheckContext, sid: str) -> Mapping[str, Any]:
    """Give the messaging service *sid*.

    Raises:
        ProviderUnavailable: Twilio did not answer, or has none.
    """
    what = "show the messaging service"
    return await _call(context, "GET", _service_url(context, sid), _object, what=what)


async def list_pool(context: CheckContext, sid: str) -> Sequence[str]:
    """Give the numbers that the messaging service *sid* may send from.

    Raises:
        ProviderUnavailable: Twilio did not answer, or not with a list.
    """
    url = f"{_service_url(context, sid)}/PhoneNumbers"

    def read(found: Any) -> Sequence[str]:
        return [str(one["phone_number"]) for one in found["phone_numbers"]]

    what = "list the numbers of the messaging service"
    return await _call(context, "GET", url, read, what=what, params=_ALL)


async def list_campaigns(context: CheckContext, sid: str) -> Sequence[str]:
    """Give the state of each A2P campaign that the messaging service *sid* is registered for.

    Raises:
        ProviderUnavailable: Twilio did not answer, or not with a list.
    """
    url = f"{_service_url(context, sid)}/Compliance/Usa2p"

    def read(found: Any) -> Sequence[str]:
        return [str(one["campaign_status"]) for one in found["compliance"]]

    what = "list the A2P campaigns of the messaging service"
    return await _call(context, "GET", url, read, what=what, params=_ALL)


async def set_number_url(context: CheckContext, sid: str, *, url: str) -> None:
    """Let texts to the number with the SID *sid* be posted to *url*.

    Raises:
        ProviderUnavailable: Twilio did not do it, or did not say so.
    """
    at = _numbers_url(context).removesuffix(".json") + f"/{sid}.json"
    form = {"SmsUrl": url, "SmsMethod": "POST"}
    await _call(context, "POST", at, _object, what="set the address of the number", form=form)


async def set_service_url(context: CheckContext, sid: str, *, url: str) -> None:
    """Let texts to the numbers of the messaging service *sid* be posted to *url*.

    Raises:
        ProviderUnavailable: Twilio did not do it, or did not say so.
    """
    form = {"InboundRequestUrl": url, "InboundMethod": "POST"}
    what = "set the address of the messaging service"
    await _call(context, "POST", _service_url(context, sid), _object, what=what, form=form)


def _object(read: Any) -> Mapping[str, Any]:
    if isinstance(read, dict):
        return read
    msg = "the answer is no object"
    raise TypeError(msg)


def _numbers_url(context: CheckContext) -> str:
    settings = context.settings(TwilioSettings)
    base = (settings.api_base_url or _API).rstrip("/")
    return f"{base}/2010-04-01/Accounts/{settings.account_sid}/IncomingPhoneNumbers.json"


def _service_url(context: CheckContext, sid: str) -> str:
    base = (context.settings(TwilioSettings).api_base_url or _MESSAGING_API).rstrip("/")
    return f"{base}/v1/Services/{sid}"


async def _call(  # noqa: PLR0913 - a request has these parts
    context: CheckContext,
    method: str,
    url: str,
    find: Callable[[Any], T],
    *,
    what: str,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> T:
    settings = context.settings(TwilioSettings)
    token = settings.auth_token.reveal()
    try:
        async with context.http.request(
            method,
            url,
            params=params,
            data=form,
            headers={"Authorization": aiohttp.encode_basic_auth(settings.account_sid, token)},
            timeout=_TIMEOUT,
            # Nobody else is to be sent the token.
            allow_redirects=False,
            raise_for_status=True,
        ) as response:
            return find(await response.json())
    except _NO_ANSWER as error:
        status = f" (HTTP {error.status})" if isinstance(error, aiohttp.ClientResponseError) else ""
        msg = f"Twilio did not {what}: {type(error).__name__}{status}"
        # Not from the error: it has the headers of the request, and so the token.
        raise ProviderUnavailable(msg) from None
