"""What is known of an address after each thing that is said about it."""

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.consent import (
    ConsentSource,
    ConsentStatement,
    Wish,
    advance_consent,
    kind_of,
    medium_of,
    name_of,
    read_wish,
    say_why_not,
)
from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.routing import Medium

MIDNIGHT = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
CLIENT, PROVIDER, PERSON = ConsentSource.CLIENT, ConsentSource.PROVIDER, ConsentSource.PERSON
BOUNCE, SPAM = ConsentSource.BOUNCE, ConsentSource.SPAM_REPORT


def said(wish: Wish, source: ConsentSource = CLIENT, *, hour: int = 0) -> ConsentStatement:
    at = MIDNIGHT + dt.timedelta(hours=hour)
    return ConsentStatement(wish=wish, source=source, evidence="a word", occurred_at=at)


def after(statements: Sequence[ConsentStatement]) -> ConsentStatement | None:
    known = None
    for one in statements:
        known = advance_consent(known, one)
    return known


def is_out(*statements: ConsentStatement) -> bool:
    known = after(statements)
    return known is not None and known.is_opted_out


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        *[(word, Wish.OPT_OUT) for word in ("STOP", "stopall", "Unsubscribe", "CANCEL", "end")],
        *[(word, Wish.OPT_OUT) for word in ("quit", "REVOKE", "OptOut", " Stop \n", "STOP\t")],
        *[(word, Wish.OPT_IN) for word in ("START", "yes", "Unstop ")],
        *[(word, Wish.HELP) for word in ("HELP", "info")],
        *[(words, None) for words in ("", "Please stop", "STOP please", "STOP.", "stop stop")],
        *[(words, None) for words in ("\u017ftop", "\uff33TOP", "STOP STOP", "yes!", "opt_out")],
    ],
)
def test_a_word_counts_alone_and_in_any_case(body: str, wish: Wish | None) -> None:
    assert read_wish(body) is wish


def test_stop_and_start_are_heeded_each_time() -> None:
    stop, start = said(Wish.OPT_OUT), said(Wish.OPT_IN, hour=1)
    assert is_out(stop)
    assert not is_out(stop, start)
    assert is_out(stop, start, said(Wish.OPT_OUT, hour=2))


def test_where_nothing_was_opted_out_nothing_is_opted_in() -> None:
    assert after([said(Wish.OPT_IN), said(Wish.HELP)]) is None


def test_help_changes_nothing() -> None:
    stop = said(Wish.OPT_OUT)
    assert after([stop, said(Wish.HELP, hour=1)]) is stop


def test_what_weighs_more_is_the_reason_and_what_weighs_less_changes_nothing() -> None:
    sources = [PROVIDER, PERSON, CLIENT, SPAM, BOUNCE]
    statements = [said(Wish.OPT_OUT, source) for source in sources]
    for order in (statements, statements[::-1]):
        known = after(order)
        assert known is not None
        assert known.source is BOUNCE


@pytest.mark.parametrize(
    ("known", "by", "is_undone"),
    [
        (CLIENT, CLIENT, True),
        (PROVIDER, CLIENT, True),
        (PERSON, CLIENT, True),
        (BOUNCE, CLIENT, False),
        (SPAM, CLIENT, False),
        *[(source, PERSON, True) for source in ConsentSource],
    ],
)
def test_client_undoes_what_clients_know_of_and_one_of_ours_everything(
    known: ConsentSource, by: ConsentSource, *, is_undone: bool
) -> None:
    statements = said(Wish.OPT_OUT, known), said(Wish.OPT_IN, by, hour=1)
    assert is_out(*statements) is not is_undone


def test_late_stop_counts_unless_the_client_has_said_start_since() -> None:
    late = said(Wish.OPT_OUT, hour=1)
    before = said(Wish.OPT_OUT, PROVIDER)
    assert not is_out(before, said(Wish.OPT_IN, CLIENT, hour=2), late)
    # One of ours did not know of it.
    assert is_out(before, said(Wish.OPT_IN, PERSON, hour=2), late)


def test_late_start_undoes_no_later_stop() -> None:
    assert is_out(said(Wish.OPT_OUT, hour=2), said(Wish.OPT_IN, hour=1))


@pytest.mark.parametrize("source", ConsentSource)
@pytest.mark.parametrize(("medium", "word"), [(Medium.TEXT, "texts"), (Medium.EMAIL, "e-mails")])
def test_reason_names_what_is_not_sent(source: ConsentSource, medium: Medium, word: str) -> None:
    assert word in say_why_not(said(Wish.OPT_OUT, source), medium=medium)
    assert name_of(medium) == word


@pytest.mark.parametrize("kind", ContactPointKind)
def test_each_kind_of_address_has_its_medium(kind: ContactPointKind) -> None:
    assert kind_of(medium_of(kind)) is kind


STATEMENTS = st.lists(
    st.builds(
        said,
        st.sampled_from(Wish),
        st.sampled_from(ConsentSource),
        hour=st.integers(0, 5),
    ),
    max_size=8,
)


@given(STATEMENTS)
@settings(max_examples=50, deadline=None)
def test_same_thing_said_twice_is_said_once(statements: list[ConsentStatement]) -> None:
    known = None
    for one in statements:
        known = advance_consent(known, one)
        assert advance_consent(known, one) is known


@given(STATEMENTS, st.sampled_from(ConsentSource))
@settings(max_examples=50, deadline=None)
def test_whoever_says_stop_last_is_left_alone(
    statements: list[ConsentStatement], source: ConsentSource
) -> None:
    assert is_out(*statements, said(Wish.OPT_OUT, source, hour=6))
