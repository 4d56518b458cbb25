"""What providers tell of without saying it: something is not as it was, and has to be read again.

Such events come late, twice and in any order, so that what they say about it is not believed.
"""

import uuid

import attrs


@attrs.frozen(kw_only=True)
class SubscriptionChanged:
    """A subscription has begun, changed or ended; ``get_subscription`` tells what it is now.

    Attributes:
        provider_customer_id: whose it is, by which the organization is found.
    """

    provider_customer_id: str
    provider_subscription_id: str


@attrs.frozen(kw_only=True)
class CalendarChanged:
    """A calendar that is watched has changed; ``sync`` tells how.

    Attributes:
        watch_id: our name for the watch, by which the calendar is found.
    """

    watch_id: uuid.UUID
