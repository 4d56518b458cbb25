"""What an organization has bought from the ledger, as if it had come that way."""

import datetime as dt
import json
import uuid

from clientflow_plugins.ledger import books
from clientflow_plugins.ledger.catalogue import EXAMPLES, read_catalogue
from tests.host.conftest import Host


def add_purchase(host: Host, organization_id: uuid.UUID, *, plan_key: str) -> None:
    """Let an organization have begun to buy something, and have used something.

    *plan_key* is what of, and what was used.
    """
    customer, now = f"lcus_{organization_id.hex}", dt.datetime.now(dt.UTC)
    (plan, *_) = read_catalogue(EXAMPLES)
    checkout = books.Checkout(
        id=f"lchk_{organization_id.hex}_{'1' * 24}",
        customer=customer,
        plan=plan,
        trial_days=0,
        success_url="x",
        cancel_url="x",
        begun_at=now,
    )
    sold = books.begin(checkout, now)
    records = {"customers": (customer, {}), "subscriptions": (sold.id, books.to_json(sold))}
    for collection, (name, value) in records.items():
        host.rows(
            "INSERT INTO records (organization_id, provider, collection, key, version, value)"
            " VALUES (%s, 'ledger', %s, %s, 1, %s::jsonb)",
            *(organization_id, collection, name, json.dumps(value)),
        )
    host.rows(
        "INSERT INTO billing_customers (organization_id, provider, provider_customer_id)"
        " VALUES (%s, 'ledger', %s)",
        *(organization_id, customer),
    )
    host.rows(
        "INSERT INTO subscriptions (organization_id, id, provider, provider_subscription_id,"
        " provider_customer_id, plan_key, status, period_start, period_end, is_ending, is_current,"
        " read_number) VALUES (%s, gen_random_uuid(), 'ledger', %s, %s, %s, 'incomplete', now(),"
        " now() + interval '1 day', false, true, 1)",
        *(organization_id, sold.id, customer, plan_key),
    )
    host.rows(
        "INSERT INTO usage_events (organization_id, id, meter, source_id, quantity, occurred_at)"
        " VALUES (%s, gen_random_uuid(), %s, 'x', 1, now() + interval '1 hour')",
        *(organization_id, plan_key),
    )
