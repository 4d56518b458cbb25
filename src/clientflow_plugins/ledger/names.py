"""Names that tell whose a thing is: the records of each organization are apart from all others'.

Each is made from what it is made for, so that what is asked twice is made once.
"""

import hashlib
import re
import uuid
from typing import Final

from clientflow_core.errors import RejectedInput

CUSTOMER: Final = "lcus"
CHECKOUT: Final = "lchk"
SUBSCRIPTION: Final = "lsub"
_NAME: Final = re.compile(r"(lcus|lchk|lsub)_([0-9a-f]{32})(?:_([0-9a-f]{24}))?")


def customer_of(organization_id: uuid.UUID) -> str:
    """Name the customer that an organization is."""
    return f"{CUSTOMER}_{organization_id.hex}"


def checkout_of(organization_id: uuid.UUID, *, key: str) -> str:
    """Name the checkout that was asked for with *key*."""
    return f"{CHECKOUT}_{organization_id.hex}_{digest(key)}"


def subscription_of(checkout_id: str) -> str:
    """Name what a checkout sells."""
    return SUBSCRIPTION + checkout_id.removeprefix(CHECKOUT)


def organization_of(name: str, *, kind: str) -> uuid.UUID:
    """Tell whose the thing *name* is.

    Raises:
        RejectedInput: no thing of this *kind* is called so.
    """
    found = _NAME.fullmatch(name)
    if found is None or found[1] != kind or (found[3] is None) is not (kind == CUSTOMER):
        msg = f"the ledger has no {name!r}"
        raise RejectedInput(msg)
    return uuid.UUID(found[2])


def digest(text: str) -> str:
    """Give 24 hexadecimal digits that stand for *text*."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
