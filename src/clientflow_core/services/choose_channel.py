"""By which channel the next attempt to send a message goes.

The conversation's own comes first, then those that stand in for it. One that failed without having
taken the message is tried again when all others were.
"""

import uuid
from collections import Counter
from collections.abc import Sequence

import attrs

from clientflow_core.contributions.routing import Candidate, OutgoingMessage
from clientflow_core.domain.messages import AttemptState, Delivery, MessageAttempt
from clientflow_core.domain.phone_numbers import country_of
from clientflow_core.domain.routing import (
    ANYWHERE,
    Channel,
    Medium,
    next_channel,
    order_channels,
    rule_for,
)
from clientflow_core.errors import AuthFailed, PluginError, ProviderUnavailable
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.channels import list_channels, list_failover_rules
from clientflow_core.persistence.repositories.messages import list_attempts
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.registry.bound import BoundRouter
from clientflow_core.registry.registry import ProviderRegistry


@attrs.frozen(kw_only=True)
class ChannelDesk:
    """What a choice is made with.

    Attributes:
        organization_id: whose message it is.
        registry: the enabled providers.
        routers: of plugins; the first that has an opinion is followed.
    """

    organization_id: uuid.UUID
    registry: ProviderRegistry
    routers: Sequence[BoundRouter] = ()

    async def open(self, channel: Channel) -> ChannelProvider:
        """Give the provider of *channel*, with the settings of the organization.

        Raises:
            PluginError, AuthFailed, ProviderUnavailable: as :meth:`ProviderRegistry.channel`.
        """
        return await self.registry.channel(channel.provider, organization_id=self.organization_id)

    def require_fit(self, channel: Channel) -> None:
        """Make sure that the provider of *channel* may be called now, as far as is known.

        Raises:
            PluginError, AuthFailed, ProviderUnavailable: as :meth:`ProviderRegistry.require_fit`.
        """
        self.registry.require_fit(channel.provider, organization_id=self.organization_id)

    def is_fit(self, channel: Channel) -> bool:
        """Whether the provider of *channel* may be called now, as far as is known."""
        try:
            self.require_fit(channel)
        except (AuthFailed, ProviderUnavailable, PluginError):
            return False
        return True


async def choose_channel(
    transaction: Transaction,
    delivery: Delivery,
    attempts: Sequence[MessageAttempt],
    *,
    desk: ChannelDesk,
) -> Channel:
    """Give the channel whose turn it is.

    Args:
        transaction: of the organization.
        delivery: the message.
        attempts: those that there were.
        desk: what is chosen with.

    Raises:
        PluginError: the provider of none is enabled.
        AuthFailed, ProviderUnavailable: none can be called now.
    """
    own = delivery.channel
    if not attempts and not desk.routers and desk.is_fit(own):
        return own
    ordered = await _ordered(transaction, delivery, desk)
    usable = [channel for channel in ordered if desk.is_fit(channel)]
    if not usable:
        desk.require_fit(ordered[0])
    return next_channel(usable or ordered[:1], _count_failures(attempts))


async def is_turn_of_another(
    transaction: Transaction, delivery: Delivery, channel: Channel, *, desk: ChannelDesk
) -> bool:
    """Tell whether another than *channel* would be tried before it is tried again.

    Args:
        transaction: in which the last attempt has ended as not accepted, or has not ended.
        delivery: the message.
        channel: the one by which it was tried.
        desk: what is chosen with.
    """
    attempts = await list_attempts(transaction, delivery.message.id)
    failures = _count_failures(attempts)
    if attempts and not attempts[-1].has_ended:
        failures[channel.id] += 1
    return any(
        one.id != channel.id and failures[one.id] < failures[channel.id] and desk.is_fit(one)
        for one in await _ordered(transaction, delivery, desk)
    )


def _count_failures(attempts: Sequence[MessageAttempt]) -> Counter[uuid.UUID]:
    return Counter(one.channel_id for one in attempts if one.state is AttemptState.NOT_ACCEPTED)


async def _ordered(
    transaction: Transaction, delivery: Delivery, desk: ChannelDesk
) -> Sequence[Channel]:
    """Give the channels that may carry the message, in order; never none."""
    own = delivery.channel
    others = await list_channels(transaction, medium=own.medium)
    if len(others) == 1:
        return [own]
    rules = await list_failover_rules(transaction, medium=own.medium)
    needs_country = bool(desk.routers) or any(rule.country != ANYWHERE for rule in rules)
    is_number = own.medium is Medium.TEXT
    country = country_of(delivery.recipient) if needs_country and is_number else None
    ordered = order_channels(own, others, rule_for(rules, country))
    if not desk.routers:
        return ordered
    return _routed(delivery, ordered, country=country, desk=desk)


def _routed(
    delivery: Delivery,
    ordered: Sequence[Channel],
    *,
    country: str | None,
    desk: ChannelDesk,
) -> Sequence[Channel]:
    message = OutgoingMessage(
        message_id=delivery.message.id,
        organization_id=desk.organization_id,
        medium=delivery.channel.medium,
        country=country,
        recipient=delivery.recipient,
        body=delivery.message.body,
    )
    candidates = tuple(
        Candidate(
            channel_id=one.id,
            provider=one.provider,
            address=one.address,
            is_own=one.id == delivery.channel.id,
            is_fit=desk.is_fit(one),
        )
        for one in ordered
    )
    by_id = {one.id: one for one in ordered}
    for router in desk.routers:
        chosen = router.choose(message, candidates)
        if chosen:
            return [by_id[one] for one in chosen]
    return ordered
