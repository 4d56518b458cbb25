from collections.abc import Callable

import pytest

from clientflow_core.domain.private_words import hide_private_words
from clientflow_plugins.sentry.scrubbing import drop_breadcrumb, scrub_event, scrub_transaction


@pytest.mark.parametrize("name", ["request", "user", "breadcrumbs", "extra", "logentry", "message"])
def test_what_nothing_of_ours_belongs_into_is_left_out(name: str) -> None:
    assert scrub_event({name: {"email": "ada@example.com"}}) == {}
    assert scrub_transaction({name: {"query_string": "token=zzz"}}) == {}


def test_release_stays_as_it_is() -> None:
    event = {"release": "clientflow@0.1.0", "tags": {}}
    assert scrub_event(event)["release"] == "clientflow@0.1.0"


def test_variables_go_and_words_are_hidden() -> None:
    frames = [{"function": "f", "vars": {"body": "private"}}]
    raised = {"type": "E", "value": "to ada@example.com", "stacktrace": {"frames": frames}}
    scrubbed = scrub_event({"exception": {"values": [raised, {"type": "F", "value": None}]}})
    first, second = scrubbed["exception"]["values"]
    assert first["stacktrace"]["frames"] == [{"function": "f"}]
    assert (first["value"], second["value"]) == (hide_private_words("to ada@example.com"), "")


def test_breadcrumbs_are_dropped() -> None:
    drop: Callable[[object], object] = drop_breadcrumb
    assert drop({"message": "x"}) is None
