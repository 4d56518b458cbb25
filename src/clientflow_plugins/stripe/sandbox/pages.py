"""The pages that payers see, for people who play one."""

import html
from collections.abc import Sequence

from aiohttp import web

from clientflow_plugins.stripe.sandbox.resources import Resource, first_item

_STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}"


def checkout_page(session: Resource, price: Resource) -> web.Response:
    """Show what is sold, with a button that pays."""
    cost = f"{price['unit_amount']} {price['currency'].upper()} (smallest unit)"
    name = price["lookup_key"] or price["id"]
    back = session["cancel_url"]
    leave = f"<p><a href='{html.escape(back)}'>No, thank you</a></p>" if back else ""
    return _page(
        f"Subscribe to {name}",
        f"<p>{html.escape(cost)} each {html.escape(price['recurring']['interval'])}. Nobody is "
        f"charged: this is a stand-in for Stripe.</p>{_button('Pay')}{leave}",
    )


def invoice_page(invoice: Resource) -> web.Response:
    """Show what was charged, and whether it is paid."""
    cost = f"{invoice['total']} {invoice['currency'].upper()} (smallest unit)"
    words = f"<p>{html.escape(cost)}: {html.escape(invoice['status'])}.</p>"
    return _page(f"Invoice {invoice['number']}", words)


def portal_page(portal: Resource, owned: Sequence[Resource]) -> web.Response:
    """Show the subscriptions of a customer, each with a button that ends or keeps it."""
    back = portal["return_url"]
    leave = f"<p><a href='{html.escape(back)}'>Back</a></p>" if back else ""
    rows = "".join(_row(portal["id"], one) for one in owned)
    return _page("Your subscriptions", f"{rows or '<p>There is none.</p>'}{leave}")


def _row(portal_id: str, subscription: Resource) -> str:
    price = first_item(subscription)["price"]
    name = html.escape(price["lookup_key"] or price["id"])
    status = html.escape(subscription["status"])
    if subscription["status"] == "canceled":
        return f"<section><h2>{name}</h2><p>{status}</p></section>"
    word = "Keep it" if subscription["cancel_at_period_end"] else "End it with its period"
    button = _button(word, action=f"{portal_id}/{subscription['id']}")
    return f"<section><h2>{name}</h2><p>{status}</p>{button}</section>"


def _button(word: str, *, action: str = "") -> str:
    place = f" action='{html.escape(action)}'" if action else ""
    return f"<form method=post{place}><button>{word}</button></form>"


def _page(title: str, body: str) -> web.Response:
    text = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)} - Stripe sandbox</title><style>{_STYLE}</style>"
        f"<main><h1>{html.escape(title)}</h1>{body}</main></html>"
    )
    return web.Response(text=text, content_type="text/html")
