"""What can be told of the ledger, for the checklist."""

import asyncio
from typing import Final

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_plugins.ledger.catalogue import BadCatalogue, read_catalogue
from clientflow_plugins.ledger.settings import CATALOGUE_ENV, LedgerSettings

_EXPECTED: Final = "a file of one's own plans"


async def check_catalogue(context: CheckContext) -> CheckResult:
    """Read the file of the plans."""
    path = context.settings(LedgerSettings).catalogue
    if path is None:
        hint = f"set {CATALOGUE_ENV} to a file of your plans; the examples are for trying it out"
        return skipped("the examples", expected=_EXPECTED, hint=hint)
    try:
        plans = await asyncio.to_thread(read_catalogue, path)
    except BadCatalogue as error:
        hint = f"mend the file that {CATALOGUE_ENV} names"
        return failed(f"it {error}", expected=_EXPECTED, hint=hint)
    return passed(f"{len(plans)} plans", expected=_EXPECTED)


CHECKS: Final = (
    CheckSpec(id="ledger-catalogue", title="The ledger's plans can be read", run=check_catalogue),
)
