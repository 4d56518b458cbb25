"""Plans, subscriptions, and what was used."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_TABLES = ("billing_customers", "subscriptions", "usage_events")
_FUNCTIONS = ("sync_plans", "route_subscription_change", "ask_for_subscriptions")
_UP = """
CREATE TABLE plans (
    provider text NOT NULL,
    key text NOT NULL,
    title text NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    billing_interval text NOT NULL,
    position integer NOT NULL,
    is_on_sale boolean NOT NULL,
    synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, key)
);

CREATE TABLE billing_customers (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    provider text NOT NULL,
    provider_customer_id text NOT NULL,
    -- How often its subscriptions were read: a read that begins later knows more.
    reads bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, provider),
    -- Without the organization: an event names the customer alone.
    UNIQUE (provider, provider_customer_id)
);

CREATE TABLE subscriptions (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    provider text NOT NULL,
    provider_subscription_id text NOT NULL,
    provider_customer_id text NOT NULL,
    plan_key text,
    status text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    is_ending boolean NOT NULL,
    is_current boolean NOT NULL DEFAULT false,
    -- Of billing_customers.reads, that which this is from.
    read_number bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    CONSTRAINT subscriptions_provider_subscription_key
        UNIQUE (organization_id, provider, provider_subscription_id)
);
CREATE UNIQUE INDEX subscriptions_current_idx ON subscriptions (organization_id) WHERE is_current;

CREATE TABLE usage_events (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    meter text NOT NULL,
    source_id text NOT NULL,
    quantity bigint NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    reported_at timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, meter, source_id)
);
CREATE INDEX usage_events_organization_id_occurred_at_idx
    ON usage_events (organization_id, occurred_at);

-- What a provider sells now, in its order; what it sells no longer is kept for who has it.
CREATE FUNCTION sync_plans(
    of_provider text, keys text[], titles text[], prices bigint[], currencies text[],
    intervals text[]
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE plans SET is_on_sale = false, synced_at = now()
    WHERE provider = of_provider AND key <> ALL (keys);
    INSERT INTO plans
        (provider, key, title, price_minor, currency, billing_interval, position, is_on_sale)
    SELECT of_provider, key, title, price, currency, billing_interval, place, true
    FROM unnest(keys, titles, prices, currencies, intervals) WITH ORDINALITY
        AS p (key, title, price, currency, billing_interval, place)
    ON CONFLICT (provider, key) DO UPDATE SET
        title = excluded.title, price_minor = excluded.price_minor, currency = excluded.currency,
        billing_interval = excluded.billing_interval, position = excluded.position,
        is_on_sale = true, synced_at = now();
$$;

-- Whose customer an event names; the event is then that organization's. One that was proven by the
-- settings of an organization is never another's.
CREATE FUNCTION route_subscription_change(event_id uuid, of_provider text, of_customer text)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH customer AS (
        SELECT c.organization_id FROM billing_customers c, inbound_events e
        WHERE c.provider = of_provider AND c.provider_customer_id = of_customer AND e.id = event_id
            AND (e.verified_for IS NULL OR e.verified_for = c.organization_id)
    ), routed AS (
        UPDATE inbound_events e SET organization_id = customer.organization_id
        FROM customer WHERE e.id = event_id
    )
    SELECT organization_id FROM customer
$$;

-- Asks for the subscriptions of every customer of these providers to be read anew, of all
-- organizations. What is asked for already is not asked for again.
CREATE FUNCTION ask_for_subscriptions(of_providers text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH queued AS (
        INSERT INTO jobs (lane, kind, organization_id, args)
        SELECT 'billing', 'apply_subscription_change', c.organization_id,
            jsonb_build_object('provider', c.provider)
        FROM billing_customers c
        WHERE c.provider = ANY (of_providers) AND NOT EXISTS (
            SELECT 1 FROM jobs j WHERE j.lane = 'billing' AND j.dead_at IS NULL
                AND j.kind = 'apply_subscription_change'
                AND j.organization_id = c.organization_id
                AND j.args = jsonb_build_object('provider', c.provider))
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;
"""

_DOWN = """
DROP FUNCTION ask_for_subscriptions;
DROP FUNCTION route_subscription_change;
DROP FUNCTION sync_plans;
DROP TABLE usage_events;
DROP TABLE subscriptions;
DROP TABLE billing_customers;
DROP TABLE plans;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)
    rules = dict.fromkeys(_TABLES, f"organization_id = {_IN_SCOPE}")
    # What is on sale is no secret; only the function writes it.
    for table, rule in (rules | {"plans": "true"}).items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({rule}) WITH CHECK ({rule})")
        op.execute(f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true)")
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
