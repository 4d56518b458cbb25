"""What organizations are called at the providers that they pay by."""

import uuid
from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.billing import BilledOrganization
from clientflow_core.domain.jobs import BILLING
from clientflow_core.domain.roles import Role
from clientflow_core.domain.subscriptions import BillingCustomer
from clientflow_core.errors import Conflict
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import (
    billing_customers,
    memberships,
    organizations,
    subscriptions,
    users,
)

_ROUTE: Final = sa.text("SELECT route_subscription_change(:event_id, :provider, :customer)")
_ASK: Final = sa.text("SELECT ask_for_subscriptions(cast(:providers AS text[]))")


async def put_customer(transaction: Transaction, customer: BillingCustomer) -> None:
    """Write down what the organization is called at the provider.

    Raises:
        Conflict: another organization is called so.
    """
    table = billing_customers
    statement = insert(table).values(
        organization_id=transaction.scope,
        provider=customer.provider,
        provider_customer_id=customer.provider_customer_id,
    )
    name = {"provider_customer_id": customer.provider_customer_id}
    try:
        await transaction.execute(
            statement.on_conflict_do_update(
                index_elements=["organization_id", "provider"], set_=name
            )
        )
    except sa.exc.IntegrityError as error:
        msg = f"another organization is the customer {customer.provider_customer_id}"
        raise Conflict(msg) from error


async def find_customer(transaction: Transaction, provider: str) -> BillingCustomer | None:
    """Tell what the organization is called at *provider*; None if it has never bought there."""
    statement = sa.select(billing_customers.c.provider_customer_id).where(
        billing_customers.c.provider == provider
    )
    name = (await transaction.execute(statement)).scalar_one_or_none()
    return name and BillingCustomer(provider=provider, provider_customer_id=name)


async def begin_read(transaction: Transaction, provider: str) -> int | None:
    """Give the number of a read of the customer's subscriptions; None if there is no customer."""
    table = billing_customers
    statement = (
        table.update()
        .where(table.c.provider == provider)
        .values(reads=table.c.reads + 1)
        .returning(table.c.reads)
    )
    return (await transaction.execute(statement)).scalar_one_or_none()


async def forget_customers(transaction: Transaction, providers: Collection[str]) -> None:
    """Forget what the organization is called at *providers*, and all that it has bought there."""
    for table in (subscriptions, billing_customers):
        await transaction.execute(table.delete().where(table.c.provider.in_(providers)))


async def lock_customers(transaction: Transaction) -> None:
    """Let nobody else change what the organization has bought before the transaction ends."""
    statement = sa.select(billing_customers.c.provider).order_by(billing_customers.c.provider)
    await transaction.execute(statement.with_for_update())


async def read_billed_organization(transaction: Transaction) -> BilledOrganization:
    """Give who is to be billed: the organization, at the address of who has owned it longest."""
    named = sa.select(organizations.c.id, organizations.c.name)
    row = (await transaction.execute(named)).one()
    owners = (
        sa.select(users.c.email)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.role == Role.OWNER.value)
        .order_by(memberships.c.created_at, users.c.id)
        .limit(1)
    )
    email = (await transaction.execute(owners)).scalar_one_or_none()
    return BilledOrganization(organization_id=row.id, name=row.name, email=email or "")


async def route_subscription_change(
    transaction: Transaction, event_id: uuid.UUID, *, provider: str, customer: str
) -> uuid.UUID | None:
    """Find whose customer an event names and give it to them; None if it is nobody's.

    Args:
        transaction: of the system.
        event_id: names the event.
        provider: where it came from.
        customer: the provider's name for it.
    """
    parameters = {"event_id": event_id, "provider": provider, "customer": customer}
    found: uuid.UUID | None = await transaction.scalar(_ROUTE, parameters)
    return found


async def ask_for_subscriptions(transaction: Transaction, providers: Sequence[str]) -> int:
    """Ask for what every customer of *providers* has bought to be read anew; give how many are.

    Args:
        transaction: of the system.
        providers: by their names.
    """
    count = int(await transaction.scalar(_ASK, {"providers": list(providers)}))
    transaction.wake(BILLING)
    return count
