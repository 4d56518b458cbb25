"""What the account at SendGrid says of itself, read and set for the checks."""

from collections.abc import Mapping
from typing import Any, Final

from clientflow_core.contributions.checks import CheckContext
from clientflow_core.errors import ProviderUnavailable
from clientflow_plugins.sendgrid.api import SendgridApi
from clientflow_plugins.sendgrid.errors import map_error
from clientflow_plugins.sendgrid.settings import SendgridSettings

# Below the deadline of a check.
_TOTAL_SECONDS: Final = 8.0


def api_of(context: CheckContext) -> SendgridApi:
    """Give the API with the key that is set."""
    settings = context.settings(SendgridSettings)
    return SendgridApi(
        context.http, clock=context.clock, settings=settings, total_seconds=_TOTAL_SECONDS
    )


async def read_list(
    context: CheckContext, path: str, name: str | None, *, of: type = dict, **params: str
) -> list[Any]:
    """Give the list that *path* says.

    Args:
        context: of the check.
        path: of the API.
        name: below which the list stands; None where it is the whole answer.
        of: what its items are.
        params: of the query.

    Raises:
        AuthFailed: SendGrid does not know the key (code 401), or it may not read that (403).
        ProviderUnavailable: SendGrid did not answer, or not with a list.
    """
    try:
        found = await api_of(context).get(path, **params)
        listed = found if name is None else found[name]
    except Exception as error:
        raise map_error(error, is_send=False) from error
    if not isinstance(listed, list) or not all(isinstance(one, of) for one in listed):
        msg = f"SendGrid's answer to {path} is no list"
        raise ProviderUnavailable(msg)
    return list(listed)


async def change(context: CheckContext, path: str, body: Mapping[str, Any]) -> None:
    """Change what is at *path*.

    Raises:
        AuthFailed: the key may not change it.
        ProviderRefused: SendGrid refused it; the message has its words.
        ProviderUnavailable: SendGrid did not answer.
    """
    try:
        await api_of(context).patch(path, body)
    except Exception as error:
        raise map_error(error, is_send=False) from error


async def find_domain(context: CheckContext, address: str) -> Mapping[str, Any] | None:
    """Give the authenticated domain that *address* is of, if it was set up.

    Raises:
        AuthFailed, ProviderUnavailable: as :func:`read_list`.
    """
    name = address.rpartition("@")[2].lower()
    found = await read_list(context, "/v3/whitelabel/domains", None, domain=name)
    return next((one for one in found if str(one.get("domain", "")).lower() == name), None)


async def is_verified_sender(context: CheckContext, address: str) -> bool:
    """Tell whether somebody has proven to SendGrid that *address* is ours.

    Raises:
        AuthFailed, ProviderUnavailable: as :func:`read_list`.
    """
    senders = await read_list(context, "/v3/verified_senders", "results")
    return any(
        str(one.get("from_email", "")).lower() == address.lower() and one.get("verified") is True
        for one in senders
    )
