"""The state of a provider that a running `up` has added."""

import pytest

from clientflow_host.plugin_states import list_plugins


@pytest.mark.parametrize("is_listed", [False, True])
def test_local_provider_of_a_running_up_is_local(is_listed: bool) -> None:
    values = {"CLIENTFLOW_PLUGINS": "ledger"} if is_listed else {}
    rows = list_plugins(values, sandboxed={"LEDGER_WEBHOOK_SECRET": "x"})
    states = {row["name"]: row["state"] for row in rows}
    assert states["ledger"] == "local"
    assert states["twilio"] == ("disabled" if is_listed else "not set")
