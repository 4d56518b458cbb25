"""What plugins keep out of every log."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from clientflow_core.contributions.redactions import RedactionRule
from clientflow_host.assembly import Assembly
from clientflow_host.logs import configure_logs, redact_with
from tests.host.contributed.conftest import HEAD

RULES = (
    HEAD
    + r"""
class Acme(Hooks):
    @hookimpl
    def clientflow_redactions(self):
        return [
            RedactionRule(name="card", pattern=r"\b\d{4}-\d{4}\b"),
            RedactionRule(name="account", pattern=r"\b99\d{6}\b"),
        ]

plugin = Acme()
"""
)


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return RULES


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    redact_with([])
    root.handlers[:], root.level = handlers, level


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Give the lines of the log."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_it_is_taken_out_of_every_value_wherever_the_line_comes_from(
    assembly: Assembly, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info")
    card = "-".join(("1111", "2222"))
    said = f"paid with {card}"
    log = structlog.get_logger("ours")
    log.info(said, card=card, deep={"cards": [card, 1, None], card: True}, n=3)
    log.info("account", account=99123456, path=Path(f"/tmp/{card}"))
    logging.getLogger("library").warning("their %s", card)
    try:
        raise ValueError(card)
    except ValueError:
        log.exception("failed")
    first, second, third, fourth = lines(capsys)
    assert first["event"] == "paid with (card left out)"
    assert first["card"] == "(card left out)"
    assert first["deep"] == {"cards": ["(card left out)", 1, None], "(card left out)": True}
    assert first["n"] == 3
    assert second["account"] == "(account left out)"
    assert second["path"] == "PosixPath('/tmp/(card left out)')"
    assert third["event"] == "their (card left out)"
    assert "ValueError (its words are left out)" in str(fourth["exception"])
    assert card not in str(fourth)


def test_without_rules_what_looks_like_nothing_private_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info")
    structlog.get_logger("ours").info("paid", card="1111-22")
    assert lines(capsys)[0]["card"] == "1111-22"


@pytest.mark.parametrize("pattern", ["", "x*", "(?:)|a"])
def test_pattern_that_matches_nothing_at_all_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="matches nothing at all"):
        RedactionRule(name="all", pattern=pattern)


def test_pattern_may_be_compiled_already() -> None:
    rule = RedactionRule(name="word", pattern=re.compile("SECRET", re.IGNORECASE))
    assert rule.apply("a secret") == "a (word left out)"
