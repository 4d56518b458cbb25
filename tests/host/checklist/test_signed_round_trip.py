"""A plugin's check that posts to the running host what is signed, and is no event."""

import attrs
import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.secret import Secret
from clientflow_host.checklist.plugin_checks import plugin_checks
from clientflow_plugins.twilio.settings import TwilioSettings
from tests.host.conftest import Host


async def token_of(host: Host, *, token: str | None = None) -> CheckResult:
    """Run the check of Twilio's token; by a *token* that is not the host's, if one is given."""
    url = host.assembly.settings.url
    checks = plugin_checks(host.assembly.registry, public_url=url, clock=SystemClock())
    (one,) = [check for check in checks if check.id == "ET2"]
    if token is None:
        return await one.run()
    settings = attrs.evolve(one.context.settings(TwilioSettings), auth_token=Secret(token))
    context = attrs.evolve(one.context, own_settings={TwilioSettings: settings})
    return await attrs.evolve(one, context=context).run()


@pytest.mark.usefixtures("sandbox")
async def test_host_takes_its_own_token_and_no_other_and_keeps_nothing(host: Host) -> None:
    assert (await token_of(host)).status is CheckStatus.PASSED
    other = await token_of(host, token="of somebody else")
    assert (other.status, other.found) == (CheckStatus.FAILED, "the host refuses the signature")
    assert host.rows("SELECT id FROM inbound_events") == []
