"""The ledger proves what every billing provider has to."""

from clientflow_core.testing import BillingConformance
from clientflow_plugins.ledger.spec import LEDGER
from tests.plugins.ledger.desk import LedgerDesk


class TestLedger(BillingConformance):
    spec = LEDGER
    sandbox = LedgerDesk
