"""What the rules may say of the business."""

from collections.abc import Mapping
from typing import Final

import attrs

from clientflow_core.settings import setting

BUSINESS_ENV: Final = "LOCAL_ASSISTANT_BUSINESS"


@attrs.frozen(kw_only=True)
class LocalAssistantSettings:
    """What is so, for who asks; of what is not set, a person is promised."""

    business: str = setting(
        env=BUSINESS_ENV,
        help="the name that answers are signed with; setting it turns this assistant on",
        example="Salon Ada",
        per_organization=True,
    )
    hours: str | None = setting(
        env="LOCAL_ASSISTANT_HOURS",
        help="what is said to who asks when you are open",
        default=None,
        example="We are open from Monday to Friday, 9 to 17.",
        per_organization=True,
    )
    prices: str | None = setting(
        env="LOCAL_ASSISTANT_PRICES",
        help="what is said to who asks for a price",
        default=None,
        example="A haircut is 40 euros, with colour 75.",
        per_organization=True,
    )
    booking: str | None = setting(
        env="LOCAL_ASSISTANT_BOOKING",
        help="what is said to who wants an appointment",
        default=None,
        example="You can choose a time at https://salon-ada.example/book.",
        per_organization=True,
    )
    place: str | None = setting(
        env="LOCAL_ASSISTANT_PLACE",
        help="what is said to who asks where you are",
        default=None,
        example="We are at 3 Station Road, beside the post office.",
        per_organization=True,
    )


def new_settings() -> Mapping[str, str]:
    """Give what it needs to be tried."""
    return {BUSINESS_ENV: "Your business"}
