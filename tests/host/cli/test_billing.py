"""``clientflow billing sync``: what may have been missed is asked for."""

import json

from tests.databases import Addresses
from tests.host.cli.conftest import Call

LEDGER = {"LEDGER_WEBHOOK_SECRET": "a secret of the tests alone", "CLIENTFLOW_PLUGINS": "ledger"}


def test_plans_are_read_and_customers_are_asked_for(call: Call, addresses: Addresses) -> None:
    result = call("billing", "sync", "--json", DATABASE_URL=addresses.url, **LEDGER)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [{"provider": "ledger", "plans": 2, "problem": None}]
    with addresses.connect() as connection:
        found = connection.execute("SELECT provider, key FROM plans ORDER BY position").fetchall()
    assert found == [("ledger", "starter"), ("ledger", "team")]


def test_without_a_provider_there_is_nothing_to_ask(call: Call, addresses: Addresses) -> None:
    result = call("billing", "sync", DATABASE_URL=addresses.url, CLIENTFLOW_PLUGINS="")
    assert (result.returncode, result.stdout) == (0, "No billing provider is enabled.\n")
