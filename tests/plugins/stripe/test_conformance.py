"""Stripe proves what every billing provider has to."""

from clientflow_core.testing import BillingConformance
from clientflow_plugins.stripe.spec import STRIPE


class TestStripe(BillingConformance):
    spec = STRIPE
