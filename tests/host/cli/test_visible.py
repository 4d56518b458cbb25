"""Text of others does nothing to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_host.cli.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Is Thursday free? äöü 你好", "Is Thursday free? äöü 你好"),
        ("👨‍👩‍👧 👍🏽", "👨‍👩‍👧 👍🏽"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("\u2028\ud83d\x7f", "\\u2028\\ud83d\\x7f"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert visible("a\n\tb\r\x1b", keeps_lines=True) == "a\n\tb\\r\\x1b"


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_comes_can_be_printed_and_does_nothing(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert {unicodedata.category(letter) for letter in shown}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert visible(shown) == shown
