"""Sell a plan through Stripe, with nothing but ``pip install 'clientflow[stripe]'``.

export STRIPE_SECRET_KEY=sk_test_... STRIPE_WEBHOOK_SECRET=whsec_...
python examples/sell_a_plan.py pro "Ada & Sons" ada@example.com
"""

import argparse
import asyncio
import os
import sys
import uuid

from clientflow_core import (
    BilledOrganization,
    CheckoutRequest,
    ClientFlowError,
    HostedPage,
    ProviderRegistry,
    new_id,
)

# Where the payer is led afterwards.
SITE = os.environ.get("SITE", "https://business.example")


async def sell(plan_key: str, *, name: str, email: str) -> HostedPage:
    """Give the page where the plan is paid for; nothing is sold before."""
    # The same each time, so that somebody who comes back is the same customer.
    organization_id = uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}")
    organization = BilledOrganization(organization_id=organization_id, name=name, email=email)
    # Whatever is asked again with the same key is done once: keep it as long as you may have to.
    key = new_id().hex
    async with ProviderRegistry.from_values(os.environ, names=["stripe"]) as registry:
        billing = await registry.billing("stripe")
        customer = await billing.ensure_customer(organization, key=f"{key}-customer")
        request = CheckoutRequest(
            provider_customer_id=customer,
            plan_key=plan_key,
            success_url=f"{SITE}/paid",
            cancel_url=f"{SITE}/plans",
        )
        return await billing.check_out(request, key=f"{key}-checkout")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sell a plan through Stripe.")
    parser.add_argument("plan", help="the lookup key of its price, such as pro")
    parser.add_argument("name", help="who pays")
    parser.add_argument("email", help="where invoices go")
    arguments = parser.parse_args()
    try:
        page = asyncio.run(sell(arguments.plan, name=arguments.name, email=arguments.email))
    except ClientFlowError as error:
        sys.exit(f"not sold: {error}")
    print(f"Pay at {page.url}")
