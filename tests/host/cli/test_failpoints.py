"""failpoints: where a test may kill a process, for people and for programs."""

import json
from pathlib import Path

import clientflow_core
from clientflow_core import failpoints
from tests.host.cli.conftest import Call

SOURCE = Path(clientflow_core.__file__).parent.parent


def test_every_failpoint_is_listed_with_its_place_and_what_it_is_between(call: Call) -> None:
    rows = json.loads(call("failpoints", "--json").stdout)
    assert [row["name"] for row in rows] == sorted(failpoints.NAMES)
    for row in rows:
        file, _, line = row["where"].partition(":")
        text = (SOURCE / file).read_text("utf-8").splitlines()[int(line) - 1]
        assert "failpoints.hit(" in text, row
        assert row["between"] == failpoints.NAMES[row["name"]]


def test_people_are_shown_a_table(call: Call) -> None:
    head, first, *_ = call("failpoints").stdout.splitlines()
    assert head.split() == ["name", "where", "between"]
    assert first.split()[0] == min(failpoints.NAMES)
