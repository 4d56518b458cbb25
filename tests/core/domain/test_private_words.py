import time

import pytest

from clientflow_core.domain.private_words import hide_private_fields, hide_private_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no plan 'gold' for 3 of 17", "no plan 'gold' for 3 of 17"),
        ("to ada.l@example.co.uk, now", "to [email], now"),
        ("no route to +1 (415) 555-0177", "no route to [number]"),
        ("calls 4155550177", "calls [number]"),
        ("127.0.0.1:5432 refuses", "127.0.0.1:5432 refuses"),
        ("GET https://a.example/x?token=zzz&y=1", "GET https://a.example/x?[hidden]"),
        ("postgresql://app:pw@db/x", "postgresql://[hidden]@db/x"),
        ("401 with Authorization: Bearer abc", "401 with [named]"),
        ("password='hunter2' is wrong", "[named]' is wrong"),
        ("sent Bearer abc.def", "sent [credentials]"),
        ("key sk_live_51HqLyjWDarjtT1zdp7dc", "key [key]"),
        ("a_function_with_a_very_long_name", "a_function_with_a_very_long_name"),
        (
            "message 019b0000-0000-7000-8000-000000000001 is gone",
            "message 019b0000-0000-7000-8000-000000000001 is gone",
        ),
        ("duplicate\nDETAIL:  Key (name)=(Ada) exists.\nend", "duplicate\n[row]\nend"),
        ("[SQL: SELECT 1]\n[parameters: ('Ada',)]\nx", "[SQL: SELECT 1]\n[row]\nx"),
    ],
)
def test_what_is_somebodys_is_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    assert hide_private_words(text) == expected


def test_long_text_is_cut() -> None:
    assert len(hide_private_words("ab " * 5000)) == 2000


@pytest.mark.parametrize("letter", ["a", "?", "@", "1", "-", "://", "token", "a@", "1 ", "basic "])
def test_no_text_holds_it_up(letter: str) -> None:
    began = time.perf_counter()
    hide_private_words(letter * 5000)
    assert time.perf_counter() - began < 5


def test_fields_are_hidden_by_their_names_and_ids_stay() -> None:
    fields = {
        "request_id": "0123456789abcdef0123456789abcdef",
        "attempts": 3,
        "is_last": True,
        "client_email": "x",
        "api_key": "x",
        "client_ip": "10.0.0.1",
        "recipient": 7,
        "route": "/x?key=1",
        "who": "ada@example.com",
    }
    assert hide_private_fields(fields) == {
        "request_id": "0123456789abcdef0123456789abcdef",
        "attempts": 3,
        "is_last": True,
        "client_email": "[hidden]",
        "api_key": "[hidden]",
        "client_ip": "[hidden]",
        "recipient": "[hidden]",
        "route": "/x?[hidden]",
        "who": "[email]",
    }
