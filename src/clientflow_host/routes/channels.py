"""``/api/v1/channels`` and ``/api/v1/failover-rules``: by which channels messages go."""

from http import HTTPStatus
from typing import Annotated, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.roles import Role
from clientflow_core.domain.routing import Channel, FailoverRule, Medium
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.repositories.channels import (
    delete_failover_rule,
    list_channels,
    list_failover_rules,
)
from clientflow_core.services.set_failover_rule import set_failover_rule
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation

_RULE: Final = "/api/v1/failover-rules/{medium}/{country}"

ChannelId: TypeAlias = Annotated[
    str,
    Meta(pattern="^chn_[0-9a-f]{32}$", examples=["chn_01a20d1c7faa7fcea7a8f7c97e24159c"]),
]
Country: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^([A-Z]{2}|\*)$",
        description="of the client, two letters as in ISO 3166; * for those without a rule",
        examples=["US", "*"],
    ),
]


@attrs.frozen(kw_only=True)
class ChannelView:
    """An address of the organization at a provider."""

    id: ChannelId
    provider: str
    address: str
    medium: Medium
    name: str

    @classmethod
    def of(cls, channel: Channel) -> "ChannelView":
        """Show *channel*."""
        return cls(
            id=to_public_id(IdPrefix.CHANNEL, channel.id),
            provider=channel.provider,
            address=channel.address,
            medium=channel.medium,
            name=channel.name,
        )


@attrs.frozen(kw_only=True)
class Channels:
    """The organization's channels, the oldest first."""

    data: list[ChannelView]


@attrs.frozen(kw_only=True)
class FailoverRuleView:
    """Which channels stand in for another, in this order, after the conversation's own."""

    medium: Medium
    country: Country
    channel_ids: list[ChannelId]

    @classmethod
    def of(cls, rule: FailoverRule) -> "FailoverRuleView":
        """Show *rule*."""
        ids = [to_public_id(IdPrefix.CHANNEL, one) for one in rule.channel_ids]
        return cls(medium=rule.medium, country=rule.country, channel_ids=ids)


@attrs.frozen(kw_only=True)
class FailoverRules:
    """The organization's rules; where there is none every channel of the medium stands in."""

    data: list[FailoverRuleView]


@attrs.frozen(kw_only=True)
class RulePath:
    """Names the rule for a medium and a country."""

    medium: Medium
    country: Country


@attrs.frozen(kw_only=True)
class StandIns:
    """The channels that stand in; with none, no channel stands in for another."""

    channel_ids: Annotated[list[ChannelId], Meta(max_length=20)]


async def list_all(request: ApiRequest[None, None, None]) -> Channels:
    """List the channels."""
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        found = await list_channels(transaction)
    return Channels(data=[ChannelView.of(channel) for channel in found])


async def list_rules(request: ApiRequest[None, None, None]) -> FailoverRules:
    """List which channels stand in for others."""
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        found = await list_failover_rules(transaction)
    return FailoverRules(data=[FailoverRuleView.of(rule) for rule in found])


async def put_rule(request: ApiRequest[RulePath, None, StandIns]) -> FailoverRuleView:
    """Say which channels stand in for others."""
    rule = FailoverRule(
        medium=request.path.medium,
        country=request.path.country,
        channel_ids=tuple(
            from_public_id(IdPrefix.CHANNEL, one) for one in request.body.channel_ids
        ),
    )
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        await set_failover_rule(transaction, rule)
    return FailoverRuleView.of(rule)


async def delete_rule(request: ApiRequest[RulePath, None, None]) -> None:
    """Take a rule away."""
    medium, country = request.path.medium, request.path.country
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        if not await delete_failover_rule(transaction, medium=medium, country=country):
            msg = f"there is no failover rule for {medium} and {country}"
            raise NotFound(msg)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/v1/channels",
        role=Role.VIEWER,
        handler=list_all,
        tag="channels",
        operation_id="list_channels",
    ),
    Operation(
        method="GET",
        path="/api/v1/failover-rules",
        role=Role.VIEWER,
        handler=list_rules,
        tag="channels",
        operation_id="list_failover_rules",
    ),
    Operation(
        method="PUT",
        path=_RULE,
        role=Role.ADMIN,
        handler=put_rule,
        tag="channels",
        operation_id="put_failover_rule",
    ),
    Operation(
        method="DELETE",
        path=_RULE,
        role=Role.ADMIN,
        handler=delete_rule,
        tag="channels",
        operation_id="delete_failover_rule",
        errors=(HTTPStatus.NOT_FOUND,),
    ),
)
