"""``/api/v1/providers``: who carries what for the organization, and with whose account."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

import attrs
from msgspec import Meta

from clientflow_core.domain.provider_settings import SealedSettings
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.persistence.repositories.provider_settings import (
    delete_provider_settings,
    list_provider_settings,
    read_provider_settings,
)
from clientflow_core.persistence.sealing import KEY_ENV
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.organizations import own_fields
from clientflow_core.services.set_provider_settings import set_provider_settings
from clientflow_core.settings import SettingField
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation

_PATH: Final = "/api/v1/providers"
_SETTINGS: Final = f"{_PATH}/{{name}}/settings"
_VERIFY_SECONDS: Final = 15.0


@attrs.frozen(kw_only=True)
class ProviderSettingView:
    """A setting that the organization may set.

    Attributes:
        value: what the organization has set; null where it has not, and for every secret.
    """

    name: str
    help: str
    is_secret: bool
    is_required: bool
    is_set_here: bool
    value: str | None
    example: str | None
    console_url: str | None


@attrs.frozen(kw_only=True)
class ProviderView:
    """A provider, and what the organization may set for it.

    Attributes:
        has_own_settings: whether it is called with what the organization has set, not with what
            the operator has.
        problem: why what was set cannot be used; null where it can.
    """

    name: str
    kind: ProviderKind
    title: str
    state: str
    has_own_settings: bool
    problem: str | None
    settings: list[ProviderSettingView]


@attrs.frozen(kw_only=True)
class Providers:
    """The providers that are enabled."""

    data: list[ProviderView]


@attrs.frozen(kw_only=True)
class ProviderPath:
    """Names a provider."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=100, examples=["twilio"])]


_Text = Annotated[str, Meta(max_length=10_000)]


@attrs.frozen(kw_only=True)
class OwnSettings:
    """All that the organization sets for a provider; what is left out is not set by it."""

    values: Annotated[
        dict[str, _Text],
        Meta(
            max_length=100,
            description="by the names of the settings",
            examples=[
                {
                    "TWILIO_ACCOUNT_SID": f"AC{'1' * 32}",
                    "TWILIO_AUTH_TOKEN": "the auth token",
                    "TWILIO_PHONE_NUMBER": "+15550100100",
                }
            ],
        ),
    ]


@attrs.frozen(kw_only=True)
class Verdict:
    """Whether the provider takes the credentials.

    Attributes:
        account: the account's name at the provider; null where they do not work.
        problem: why they do not work; null where they do.
    """

    name: str
    account: str | None
    problem: str | None


async def list_all(request: ApiRequest[None, None, None]) -> Providers:
    """List the providers, and which settings the organization has set for itself."""
    return Providers(data=await read_views(request.raw.app[ASSEMBLY], request.principal))


async def read_views(assembly: Assembly, principal: Principal) -> list[ProviderView]:
    """Give the providers as they are for the organization of *principal*."""
    async with assembly.database.organization(principal.organization_id) as transaction:
        found = {one.provider: one for one in await list_provider_settings(transaction)}
    names = sorted(assembly.registry.providers)
    return [_view(assembly, name, found.get(name), principal) for name in names]


async def put_settings(request: ApiRequest[ProviderPath, None, OwnSettings]) -> ProviderView:
    """Set what the provider is called with for the organization, in place of all it had set."""
    assembly, name = request.raw.app[ASSEMBLY], request.path.name
    _require_enabled(assembly, name)
    organization_id = request.principal.organization_id
    try:
        async with assembly.database.organization(organization_id) as transaction:
            await set_provider_settings(
                transaction,
                name,
                request.body.values,
                registry=assembly.registry,
                sealer=assembly.sealer,
            )
            kept = await read_provider_settings(transaction, name)
    except SettingsError as error:
        raise as_problem(error) from error
    assembly.registry.drop_settings(name, organization_id=organization_id)
    return _view(assembly, name, kept, request.principal)


async def delete_settings(request: ApiRequest[ProviderPath, None, None]) -> None:
    """Take away what the organization has set; the operator's settings serve it again."""
    assembly, name = request.raw.app[ASSEMBLY], request.path.name
    _require_enabled(assembly, name)
    organization_id = request.principal.organization_id
    async with assembly.database.organization(organization_id) as transaction:
        await delete_provider_settings(transaction, name)
    assembly.registry.drop_settings(name, organization_id=organization_id)


async def verify(request: ApiRequest[ProviderPath, None, None]) -> Verdict:
    """Tell, by a read-only call, whether the provider takes the organization's credentials."""
    assembly, name = request.raw.app[ASSEMBLY], request.path.name
    _require_enabled(assembly, name)
    return await find_verdict(assembly, name, request.principal)


async def find_verdict(assembly: Assembly, name: str, principal: Principal) -> Verdict:
    """Ask the provider *name* whether it takes the credentials of the organization."""
    organization_id = principal.organization_id
    try:
        async with asyncio.timeout(_VERIFY_SECONDS):
            account = await assembly.registry.verify(name, organization_id=organization_id)
    except (ClientFlowError, TimeoutError) as error:
        return Verdict(name=name, account=None, problem=_why(error))
    return Verdict(name=name, account=account, problem=None)


def _why(error: Exception) -> str:
    """Give why a provider cannot be used; the rest of what *error* says is for the operator."""
    if isinstance(error, SettingsError):
        return _words(error)
    if isinstance(error, AuthFailed):
        return "the provider does not accept the credentials"
    if isinstance(error, (ProviderUnavailable, TimeoutError)):
        return "the provider did not answer"
    return "the provider cannot be used at the moment; the log says why"


def _require_enabled(assembly: Assembly, name: str) -> None:
    if name not in assembly.registry.providers:
        msg = f"there is no provider {name}, or it is not enabled"
        raise NotFound(msg)


def _view(
    assembly: Assembly, name: str, kept: SealedSettings | None, principal: Principal
) -> ProviderView:
    spec = assembly.registry.spec(name)
    values, problem = _open(assembly, kept)
    lifecycle = assembly.registry.lifecycle(name, organization_id=principal.organization_id)
    return ProviderView(
        name=name,
        kind=spec.kind,
        title=spec.title,
        state=lifecycle.state.value,
        has_own_settings=kept is not None,
        problem=problem,
        settings=[_setting_view(field, values) for field in own_fields(spec.settings)],
    )


def _open(assembly: Assembly, kept: SealedSettings | None) -> tuple[Mapping[str, str], str | None]:
    """Give what was set, and why it cannot be used."""
    if kept is None:
        return {}, None
    values: Mapping[str, str] = {}
    try:
        values = assembly.sealer.open(
            kept.sealed, organization_id=kept.organization_id, provider=kept.provider
        )
        assembly.registry.load_settings(kept.provider, values)
    except SettingsError as error:
        return values, _words(error)
    return values, None


def _setting_view(field: SettingField, values: Mapping[str, str]) -> ProviderSettingView:
    return ProviderSettingView(
        name=field.setting.env,
        help=field.setting.help,
        is_secret=field.is_secret,
        is_required=field.is_required,
        is_set_here=field.setting.env in values,
        value=None if field.is_secret else values.get(field.setting.env),
        example=field.setting.example,
        console_url=field.setting.console_url,
    )


def as_problem(error: SettingsError) -> InvalidInput | Conflict:
    """Give what the caller can mend, or else whose it is to mend."""
    if any(problem.env == KEY_ENV for problem in error.problems):
        msg = f"the operator has not set {KEY_ENV}, so nothing can be kept sealed here"
        return Conflict(msg)
    broken = [FieldError(f"/values/{one.env}", one.problem) for one in error.problems]
    return InvalidInput("The settings do not fit the provider.", broken)


def _words(error: SettingsError) -> str:
    return "; ".join(f"{problem.env} {problem.problem}" for problem in error.problems)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.ADMIN,
        handler=list_all,
        tag="providers",
        operation_id="list_providers",
    ),
    Operation(
        method="PUT",
        path=_SETTINGS,
        role=Role.ADMIN,
        handler=put_settings,
        tag="providers",
        operation_id="put_provider_settings",
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Operation(
        method="DELETE",
        path=_SETTINGS,
        role=Role.ADMIN,
        handler=delete_settings,
        tag="providers",
        operation_id="delete_provider_settings",
        errors=(HTTPStatus.NOT_FOUND,),
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{name}}/verify",
        role=Role.ADMIN,
        handler=verify,
        tag="providers",
        operation_id="verify_provider",
        errors=(HTTPStatus.NOT_FOUND,),
        deadline_seconds=LONG_SECONDS,
    ),
)
