"""The providers: whose account each works with; an account is connected and disconnected here."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import attrs
import structlog
from aiohttp import web

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.persistence.repositories.provider_settings import (
    delete_provider_settings,
    read_provider_settings,
)
from clientflow_core.providers.authorization import AuthorizationGrant, AuthorizationRequest
from clientflow_core.registry.authorizations import (
    authorization_url,
    exchange_grant,
    find_authorization,
    revoke_grant,
)
from clientflow_core.secret import Secret
from clientflow_core.services.set_provider_settings import set_provider_settings
from clientflow_core.services.use_once import use_once
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation
from clientflow_host.pages.authorization_cookie import (
    PendingAuthorization,
    forget_authorization,
    keep_authorization,
    read_authorization,
)
from clientflow_host.pages.rendering import lead_away, render
from clientflow_host.routes.providers import as_problem, find_verdict, read_views

_PATH: Final = "/settings/providers"
_PURPOSE: Final = "authorization"
_STRANGE: Final = (
    "This is not what this browser was sent away with: it was used already, took longer than ten"
    " minutes, or began in another browser. Nothing was connected. Begin again here."
)
_DENIED: Final = "You did not allow it, so nothing was connected."
_LONGEST_WORD: Final = 60

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class ProviderPath:
    """Names a provider."""

    name: str


@attrs.frozen
class _Outcome:
    """What has come of connecting or disconnecting, in words."""

    words: str
    is_good: bool = False


async def show_providers(request: ApiRequest[None, None, None]) -> web.Response:
    """Show the providers."""
    return await _show(request.raw, request.principal)


async def connect(request: ApiRequest[ProviderPath, None, None]) -> web.Response:
    """Lead to the page of the provider that asks for authorization."""
    assembly, name = request.raw.app[ASSEMBLY], request.path.name
    pending = PendingAuthorization.begin(name, now=assembly.clock.now())
    asked = AuthorizationRequest(
        redirect_uri=_callback(assembly, name),
        state=pending.state,
        code_challenge=pending.code_challenge,
    )
    url = authorization_url(assembly.registry, name, asked)
    why = f"the page where {assembly.registry.spec(name).title} asks whether you allow it"
    response = lead_away(request.raw, url, why=why)
    try:
        keep_authorization(request.raw, response, pending, principal=request.principal)
    except SettingsError as error:
        raise as_problem(error) from error
    return response


async def come_back(request: ApiRequest[ProviderPath, None, None]) -> web.Response:
    """Take what somebody comes back with from the page of the provider, and say what came of it."""
    name = request.path.name
    _require_authorization(request.raw.app[ASSEMBLY], name)
    outcome = await _take(request.raw, name, request.principal)
    response = await _show(request.raw, request.principal, outcome)
    forget_authorization(request.raw, response)
    return response


async def disconnect(request: ApiRequest[ProviderPath, None, None]) -> web.Response:
    """Take the authorization back at the provider, and forget it here."""
    assembly, name = request.raw.app[ASSEMBLY], request.path.name
    _require_authorization(assembly, name)
    outcome = await _take_back(assembly, name, request.principal)
    return await _show(request.raw, request.principal, outcome)


async def _show(
    request: web.Request, principal: Principal, outcome: _Outcome | None = None
) -> web.Response:
    assembly = request.app[ASSEMBLY]
    providers = assembly.registry.providers
    can_connect = {name for name, enabled in providers.items() if find_authorization(enabled)}
    is_bad = outcome is not None and not outcome.is_good
    return render(
        request,
        "providers.html",
        status=HTTPStatus.BAD_REQUEST if is_bad else HTTPStatus.OK,
        providers=await read_views(assembly, principal),
        can_connect=can_connect,
        outcome=outcome,
    )


async def _take(request: web.Request, name: str, principal: Principal) -> _Outcome:
    assembly, query = request.app[ASSEMBLY], request.query
    pending = read_authorization(request, name, principal=principal)
    if pending is None or pending.state != query.get("state"):
        return _Outcome(_STRANGE)
    async with assembly.database.organization(principal.organization_id) as transaction:
        if not await use_once(transaction, pending.state, purpose=_PURPOSE):
            return _Outcome(_STRANGE)
    if not (code := query.get("code")):
        return _Outcome(_said_no(query))
    grant = AuthorizationGrant(
        redirect_uri=_callback(assembly, name),
        code=Secret(code),
        code_verifier=pending.code_verifier,
    )
    try:
        await _keep(assembly, name, principal, grant)
    except ClientFlowError as error:
        log.warning("account_not_connected", provider=name, reason=str(error))
        return _Outcome(_why(error, assembly.registry.spec(name).title))
    return await _verified(assembly, name, principal)


async def _keep(
    assembly: Assembly, name: str, principal: Principal, grant: AuthorizationGrant
) -> None:
    """Exchange what came back, and set what it amounts to; no transaction is open meanwhile."""
    own = await exchange_grant(assembly.registry, name, grant)
    async with assembly.database.organization(principal.organization_id) as transaction:
        await set_provider_settings(
            transaction, name, own, registry=assembly.registry, sealer=assembly.sealer
        )
    assembly.registry.drop_settings(name, organization_id=principal.organization_id)
    log.info("account_connected", provider=name)


async def _verified(assembly: Assembly, name: str, principal: Principal) -> _Outcome:
    title = assembly.registry.spec(name).title
    verdict = await find_verdict(assembly, name, principal)
    if verdict.account is None:
        words = f"{title} was connected, but cannot be used yet: {verdict.problem}."
        return _Outcome(words)
    return _Outcome(f"{title} is connected to the account {verdict.account}.", is_good=True)


async def _take_back(assembly: Assembly, name: str, principal: Principal) -> _Outcome:
    organization_id = principal.organization_id
    title = assembly.registry.spec(name).title
    try:
        await _revoke(assembly, name, principal)
        words = f"{title} is disconnected; access was taken back there as well."
    except ProviderUnavailable:
        return _Outcome(f"{title} did not answer, so it is still connected. Try again in a moment.")
    except ClientFlowError as error:
        log.warning("authorization_not_revoked", provider=name, reason=str(error))
        words = f"{title} is disconnected here; take this app out of your account there as well."
    async with assembly.database.organization(organization_id) as transaction:
        await delete_provider_settings(transaction, name)
    assembly.registry.drop_settings(name, organization_id=organization_id)
    return _Outcome(words, is_good=True)


async def _revoke(assembly: Assembly, name: str, principal: Principal) -> None:
    async with assembly.database.organization(principal.organization_id) as transaction:
        kept = await read_provider_settings(transaction, name)
    if kept is not None:
        own = assembly.sealer.open(
            kept.sealed, organization_id=kept.organization_id, provider=kept.provider
        )
        await revoke_grant(assembly.registry, name, own)


def _require_authorization(assembly: Assembly, name: str) -> None:
    enabled = assembly.registry.providers.get(name)
    if enabled is None or find_authorization(enabled) is None:
        msg = f"nobody can connect an account of {name} here"
        raise NotFound(msg)


def _callback(assembly: Assembly, name: str) -> str:
    return f"{assembly.settings.url}/oauth/{name}/callback"


def _said_no(query: Mapping[str, str]) -> str:
    """Give why there is no code: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1."""
    word = query.get("error", "")
    if word == "access_denied":
        return _DENIED
    # It stands in the address, so it is shown only where it is one of the words that are meant.
    is_word = word.replace("_", "").isalpha() and word.isascii() and len(word) <= _LONGEST_WORD
    return f"Nothing was connected: the answer was {word if is_word else 'not one that is known'}."


def _why(error: ClientFlowError, title: str) -> str:
    if isinstance(error, AuthFailed):
        return f"{title} does not accept what the operator has set up here. Tell your operator."
    if isinstance(error, ProviderRefused):
        return f"Nothing was connected: {error}."
    if isinstance(error, ProviderUnavailable):
        return f"{title} did not answer, so nothing was connected. Connect again in a moment."
    return "Nothing was connected; the log says why. Tell your operator."


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.ADMIN,
        handler=show_providers,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{name}}/connect",
        role=Role.ADMIN,
        handler=connect,
        tag="pages",
        foreign=True,
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{name}}/disconnect",
        role=Role.ADMIN,
        handler=disconnect,
        tag="pages",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="GET",
        path="/oauth/{name}/callback",
        role=Role.ADMIN,
        handler=come_back,
        tag="pages",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
)
