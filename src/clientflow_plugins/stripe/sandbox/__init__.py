"""A stand-in for Stripe's API, imported only to run it.

Strict as Stripe is: forms with nested names, idempotency keys, expanded objects, lists in pages,
errors in its words. The tests hold its objects against the SDK's own types. Not there: what the
plugin does not call, cards, taxes, and the repetition of webhooks.
"""

from clientflow_plugins.stripe.sandbox.dealings import DECLINED_EMAIL
from clientflow_plugins.stripe.sandbox.server import StripeSandbox

__all__ = ["DECLINED_EMAIL", "StripeSandbox"]
