"""An organization says which of its channels stand in for others."""

from clientflow_core.domain.routing import FailoverRule
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.channels import list_channels, put_failover_rule


async def set_failover_rule(transaction: Transaction, rule: FailoverRule) -> None:
    """Write *rule*, in place of the one for the same medium and country.

    Raises:
        InvalidInput: it names a channel twice, or what is no channel of this medium here.
    """
    known = {channel.id for channel in await list_channels(transaction, medium=rule.medium)}
    problems = [
        FieldError(
            f"/channel_ids/{place}",
            f"the organization has no {rule.medium} channel"
            f" {to_public_id(IdPrefix.CHANNEL, channel_id)}",
        )
        for place, channel_id in enumerate(rule.channel_ids)
        if channel_id not in known
    ]
    problems += [
        FieldError(f"/channel_ids/{place}", "is named before; name each channel once")
        for place, channel_id in enumerate(rule.channel_ids)
        if channel_id in rule.channel_ids[:place]
    ]
    if problems:
        msg = "the rule cannot be followed"
        raise InvalidInput(msg, problems)
    await put_failover_rule(transaction, rule)
