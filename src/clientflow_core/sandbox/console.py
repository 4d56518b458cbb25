"""The page for people: what the clients' telephones show, and a form to write as a client.

Plain HTML without a script; the policy allows a style sheet from here and forms to here, no more.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.sandbox.provider_sandbox import ProviderSandbox

STYLE_SHEET: Final = Path(__file__).with_name("console.css")
REFRESH_SECONDS: Final = 5
# A load test leaves more than a browser shows with pleasure.
MOST_PHONES: Final = 40
MOST_BUBBLES: Final = 100
_NUMBER: Final = r"\+[1-9][0-9]{6,14}"
PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@attrs.frozen(kw_only=True)
class Bubble:
    """One text on a client's telephone.

    Attributes:
        is_from_client: the client wrote it.
        note: its state, in a word.
        is_failed: it will not arrive.
    """

    is_from_client: bool
    body: str
    at: dt.datetime
    note: str
    is_failed: bool = False


@attrs.frozen(kw_only=True)
class Phone:
    """A client's telephone: the texts with one number of the business, oldest first."""

    client: str
    business: str
    bubbles: Sequence[Bubble]


def render_page(sandboxes: Iterable[ProviderSandbox], *, is_refreshing: bool) -> str:
    """Give the whole console.

    Args:
        sandboxes: each with its panel.
        is_refreshing: whether the page loads itself again; text in its forms is then lost.
    """
    meta = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if is_refreshing else ""
    switch = '<a href="./">Refresh</a> <a href="./?refresh=1">Keep refreshing</a>'
    if is_refreshing:
        switch = '<a href="./">Stop refreshing</a>'
    panels = "".join(
        f'<section aria-labelledby="{escape(box.name)}"><h2 id="{escape(box.name)}">'
        f"{escape(box.title)}</h2>{_trouble(box)}{box.panel()}"
        f'<p class="quiet"><a href="{escape(box.name)}/_control/state">Everything it holds</a>'
        "</p></section>"
        for box in sandboxes
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>ClientFlow sandbox</title>{meta}<link rel="stylesheet" href="console.css"></head>'
        f"<body><header><h1>Sandbox</h1><nav>{switch}</nav></header><main>"
        '<p class="quiet">Stand-ins for the providers. Nothing here reaches a real telephone. '
        f"Times are UTC.</p>{panels}</main></body></html>"
    )


def _trouble(box: ProviderSandbox) -> str:
    if not box.sender.deliveries:
        return ""
    last = box.sender.deliveries[-1]
    if last.status is not None and last.status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    outcome = f"HTTP {last.status}" if last.status else last.error or ""
    return (
        f'<p class="trouble" role="status">The last webhook was not accepted: {escape(outcome)} '
        f"from {escape(last.url)}</p>"
    )


def render_phones(name: str, phones: Sequence[Phone], *, numbers: Sequence[str]) -> str:
    """Give a panel of telephones, and the form to write from one.

    Args:
        name: the sandbox's; the form posts to its control surface.
        phones: the one with the newest text first.
        numbers: the numbers of the business that may be written to.
    """
    suggested = phones[0].client if phones else "+15550100123"
    options = "".join(f"<option>{escape(number)}</option>" for number in numbers)
    form = (
        f'<form method="post" action="{escape(name)}/_control/inbound">'
        f'<label>From <input name="from" value="{escape(suggested)}" inputmode="tel" required '
        f'pattern="{_NUMBER}" title="a number in international form, such as +15550100123" '
        f'autocomplete="off"></label><label>To <select name="to">{options}</select></label>'
        '<label class="wide">Text <textarea name="body" rows="2" maxlength="1600" required>'
        "</textarea></label><button>Send as this client</button></form>"
    )
    shown = "".join(map(_phone, phones[:MOST_PHONES])) or '<p class="quiet">No texts yet.</p>'
    hidden = _left_out(len(phones) - MOST_PHONES, "telephones")
    return f'{form}<div class="phones">{shown}</div>{hidden}'


def _phone(phone: Phone) -> str:
    client, business = escape(phone.client), escape(phone.business)
    hidden = _left_out(len(phone.bubbles) - MOST_BUBBLES, "texts")
    bubbles = "".join(map(_bubble, phone.bubbles[-MOST_BUBBLES:]))
    # It scrolls, so that the keyboard must get there.
    return (
        f'<article class="phone"><h3>{client}</h3><p class="with">with {business}</p>'
        f'<div class="screen" role="region" aria-label="Texts of {client} with {business}" '
        f'tabindex="0"><div>{hidden}<ol>{bubbles}</ol></div></div></article>'
    )


def _bubble(bubble: Bubble) -> str:
    side, who = ("client", "Client") if bubble.is_from_client else ("business", "Business")
    time = f'<time datetime="{bubble.at.isoformat()}">{bubble.at:%H:%M:%S}</time>'
    look = f"{side} failed" if bubble.is_failed else side
    return (
        f'<li class="{look}"><p><span class="unseen">{who}: </span>{escape(bubble.body)}</p>'
        f"<small>{time} · <span>{escape(bubble.note)}</span></small></li>"
    )


def _left_out(count: int, what: str) -> str:
    return f'<p class="quiet">{count} older {what} are not shown.</p>' if count > 0 else ""
