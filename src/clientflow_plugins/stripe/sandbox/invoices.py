"""What is owed for a subscription, and what a payer wants back: invoices and disputes.

As https://docs.stripe.com/api shows them.
"""

import attrs

from clientflow_plugins.stripe.sandbox import blanks
from clientflow_plugins.stripe.sandbox.resources import (
    ACCOUNT_NAME,
    DAY_SECONDS,
    Period,
    Resource,
    copy_of,
    first_item,
    list_object,
    new_id,
)


@attrs.frozen(kw_only=True)
class Charge:
    """Why an invoice is written.

    Attributes:
        reason: ``subscription_create``, ``subscription_cycle`` or ``subscription_update``.
    """

    amount: int
    is_paid: bool
    reason: str
    now: int


def invoice(of: Resource, charge: Charge, *, base_url: str, payer: Resource) -> Resource:
    """Give the invoice for a period of the subscription *of*."""
    invoice_id, item = new_id("in"), first_item(of)
    period = Period(start=item["current_period_start"], end=item["current_period_end"])
    line = _line(of, item, invoice_id, amount=charge.amount, period=period)
    told = {
        "id": invoice_id,
        "account_name": ACCOUNT_NAME,
        "billing_reason": charge.reason,
        "created": charge.now,
        "currency": of["currency"],
        "customer": of["customer"],
        "customer_email": payer["email"],
        "customer_name": payer["name"],
        "effective_at": charge.now,
        "hosted_invoice_url": f"{base_url}/invoices/{invoice_id}",
        "lines": list_object(f"/v1/invoices/{invoice_id}/lines", [line]),
        "number": invoice_id[3:11].upper(),
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": of["id"]},
            "type": "subscription_details",
        },
        "period_end": charge.now,
        "period_start": period.start,
    }
    return copy_of(blanks.INVOICE) | told | _amounts(charge) | _progress(charge)


def _amounts(charge: Charge) -> Resource:
    paid = charge.amount if charge.is_paid else 0
    same = ("amount_due", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax")
    amounts: Resource = dict.fromkeys(same, charge.amount)
    return amounts | {"amount_paid": paid, "amount_remaining": charge.amount - paid}


def _progress(charge: Charge) -> Resource:
    return {
        "auto_advance": not charge.is_paid,
        "next_payment_attempt": None if charge.is_paid else charge.now + 3 * DAY_SECONDS,
        "status": "paid" if charge.is_paid else "open",
        "status_transitions": {
            "finalized_at": charge.now,
            "marked_uncollectible_at": None,
            "paid_at": charge.now if charge.is_paid else None,
            "voided_at": None,
        },
    }


def _line(
    of: Resource, item: Resource, invoice_id: str, *, amount: int, period: Period
) -> Resource:
    return copy_of(blanks.LINE) | {
        "id": new_id("il"),
        "amount": amount,
        "currency": of["currency"],
        "invoice": invoice_id,
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": of["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": period.as_json(),
        "pricing": {
            "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(amount),
        },
        "subscription": of["id"],
        "subtotal": amount,
    }


def dispute(of_invoice: Resource, *, now: int) -> Resource:
    """Give a payment that its payer wants back from the bank."""
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": of_invoice["amount_paid"],
        "balance_transactions": [],
        "charge": new_id("ch"),
        "created": now,
        "currency": of_invoice["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + 7 * DAY_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": True,
        "livemode": False,
        "metadata": {},
        "payment_intent": new_id("pi"),
        "reason": "general",
        "status": "needs_response",
    }
