import copy
import json
import logging
import pickle
import pprint
import traceback

import attrs
import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.secret import Secret

# Long enough not to be found in other text by chance.
values = st.text(st.characters(exclude_categories=[]), min_size=1).map(lambda text: f"k7Q{text}k7Q")
VALUE = "k7Q-value"


@attrs.frozen
class Account:
    name: str
    token: Secret


@given(values)
def test_secret_is_in_no_text_that_is_made_of_it(value: str) -> None:
    secret = Secret(value)
    account = Account("a", secret)
    texts = [
        repr(secret),
        str(secret),
        format(secret),
        f"{secret} {secret!r} {secret!s} {secret!a}",
        "%s %r" % (secret, secret),  # noqa: UP031 - a way in which logging makes text
        "{} {!r}".format(secret, secret),  # noqa: UP032 - likewise
        repr([secret]),
        pprint.pformat({"token": secret}),
        repr(account),
        repr(attrs.asdict(account)),
        repr(cattrs.unstructure(account)),
        logging.LogRecord("n", 20, "p", 1, "%s", (secret,), None).getMessage(),
    ]
    assert not [text for text in texts if value in text or ascii(value)[1:-1] in text]


def test_format_with_a_width_does_not_show_it() -> None:
    with pytest.raises(TypeError) as caught:
        format(Secret(VALUE), ">40")
    assert VALUE not in repr(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps(Account("a", Secret(VALUE)), protocol)
    assert VALUE not in repr(caught.value)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, json.dumps])
def test_copying_and_json_are_refused_without_the_value(make: object) -> None:
    assert callable(make)
    with pytest.raises(TypeError) as caught:
        make(Secret(VALUE))
    assert VALUE not in repr(caught.value)


def test_traceback_with_local_variables_does_not_show_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        _fail_with(Account("a", Secret(VALUE)))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert "account" in text
    assert VALUE not in text


def _fail_with(account: Account) -> None:
    secret = account.token
    raise RuntimeError(secret, account)


def test_secrets_are_equal_by_value_and_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@given(values, values)
def test_comparison_holds_for_any_text(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)


def test_bytes_of_the_environment_that_are_no_utf8_are_compared_without_an_error() -> None:
    # As os.environ gives b"k\xff"; the error of strict encoding holds the whole value.
    assert Secret("k\udcff") == Secret("k\udcff")
    assert Secret("k\udcff") != Secret("k\udcfe")


def test_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_reveal_gives_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE
