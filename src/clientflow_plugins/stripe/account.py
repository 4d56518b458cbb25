"""What the checklist reads and sets of the account at Stripe, beside what is sold and paid."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp

from clientflow_core.contributions.checks import CheckContext
from clientflow_core.errors import ProviderRefused, ProviderUnavailable
from clientflow_plugins.stripe.settings import API_VERSION, StripeSettings

Fields = Mapping[str, Any]
T = TypeVar("T")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
_PAGE: Final = "100"
_MOST_PAGES: Final = 20
_LONGEST_DETAIL: Final = 300
# No answer, or one that is something else.
_NO_ANSWER: Final = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)


async def read_list(
    context: CheckContext, path: str, read: Callable[[Fields], T], *, what: str, **params: str
) -> Sequence[T]:
    """Give what *read* makes of each thing that *path* lists, 2000 at most.

    Args:
        context: of the check.
        path: of the API.
        read: takes one thing; what it raises means that nobody can read it.
        what: is listed, for people.
        params: what it is narrowed by.

    Raises:
        ProviderRefused: Stripe does not let the key read it.
        ProviderUnavailable: Stripe did not answer, or not with a list.
    """
    found: list[T] = []
    after: dict[str, str] = {}

    def take(answer: Fields) -> str | None:
        found.extend(read(one) for one in answer["data"])
        return str(answer["data"][-1]["id"]) if answer["has_more"] else None

    for _ in range(_MOST_PAGES):
        asked = {"limit": _PAGE, **params, **after}
        last = await _call(context, "GET", path, take, what=f"list {what}", params=asked)
        if last is None:
            break
        after = {"starting_after": last}
    return found


async def change(context: CheckContext, path: str, form: Mapping[str, str], *, what: str) -> None:
    """Post *form*, whose names are as Stripe writes them, such as ``product_data[name]``.

    Raises:
        ProviderRefused: Stripe refused it; the message has its words.
        ProviderUnavailable: Stripe did not answer.
    """
    await _call(context, "POST", path, lambda _: None, what=what, form=form)


async def _call(  # noqa: PLR0913 - a request has these parts
    context: CheckContext,
    method: str,
    path: str,
    read: Callable[[Fields], T],
    *,
    what: str,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> T:
    settings = context.settings(StripeSettings)
    headers = {
        "Authorization": f"Bearer {settings.secret_key.reveal()}",
        "Stripe-Version": API_VERSION,
    }
    try:
        async with context.http.request(
            method,
            settings.api_url + path,
            params=params,
            data=form,
            headers=headers,
            timeout=_TIMEOUT,
            # Nobody else is to be sent the key.
            allow_redirects=False,
        ) as response:
            status, answer = response.status, json.loads(await response.read())
        if status == HTTPStatus.OK:
            return read(answer)
    except _NO_ANSWER as error:
        msg = f"Stripe did not {what}: {type(error).__name__}"
        # Not from the error: it may have the headers of the request, and so the key.
        raise ProviderUnavailable(msg) from None
    raise _refusal(status, answer, what)


def _refusal(status: int, answer: Any, what: str) -> ProviderRefused | ProviderUnavailable:
    error = answer.get("error") if isinstance(answer, dict) else None
    words = str(error.get("message")) if isinstance(error, dict) else "no reason given"
    msg = f"Stripe did not {what}: HTTP {status}, {words[:_LONGEST_DETAIL]}"
    is_for_good = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    is_fast = status == HTTPStatus.TOO_MANY_REQUESTS
    return ProviderRefused(msg) if is_for_good and not is_fast else ProviderUnavailable(msg)
