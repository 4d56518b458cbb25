"""What fits the type that an interface promises, and what leaks a secret."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from clientflow_core.registry.leaks import HIDDEN, hide, secrets_of
from clientflow_core.registry.results import fits
from clientflow_core.secret import Secret


@attrs.frozen
class Tree:
    """A class with a field of its own type."""

    name: str
    branches: "tuple[Tree, ...]" = ()


@attrs.frozen
class Odd:
    """Its type is known to a type checker alone."""

    name: "NowhereToBeFound"  # type: ignore[name-defined]  # noqa: F821 - what is tested


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (str, "a", 1),
        (float, 1, "1"),
        (None, None, 1),
        (str | None, None, 1),
        (Literal["a", "b"], "b", "c"),
        (Sequence[str], ["a"], "a"),
        (Sequence[Sequence[float]], [[1, 0.5]], [["a"]]),
        (Sequence, (1, "a"), {1}),
        (Mapping[str, int], {"a": 1}, ["a"]),
        (Tree, Tree("a", (Tree("b"),)), Tree("a", (Tree(1),))),  # type: ignore[arg-type]  # junk
        (Odd, Odd(1), 1),
    ],
)
def test_value_fits_its_type(annotation: Any, good: object, bad: object) -> None:
    assert fits(annotation)(good)
    assert not fits(annotation)(bad)


def test_type_that_is_not_known_lets_everything_pass() -> None:
    assert fits(Any)("a")
    assert fits(Callable[[], None])(print)


@attrs.frozen
class Keys:
    """Secrets in several places."""

    one: Secret
    more: tuple[Secret, ...] = ()
    none: Secret | None = None
    name: str = "fine"


def test_secrets_are_found_in_settings_and_short_ones_are_no_use() -> None:
    keys = Keys(Secret("abcd"), (Secret("abcdef"), Secret("abc")))
    assert secrets_of(keys) == ("abcdef", "abcd")
    assert secrets_of(None) == ()


class Mute(Exception):
    """Cannot say what it is."""

    @override
    def __str__(self) -> str:
        raise RuntimeError


@settings(max_examples=100, deadline=None)
@given(before=st.text(max_size=5), secret=st.text(min_size=4, max_size=12), depth=st.integers(0, 3))
def test_no_error_says_a_secret_wherever_it_stood(before: str, secret: str, depth: int) -> None:
    if secret in HIDDEN:
        return
    error: BaseException = ValueError(
        before + secret, {"key": secret}, secret.encode("utf-8", "replace")
    )
    error.add_note(f"with {secret}")
    for _ in range(depth):
        outer = KeyError(secret)
        outer.__cause__ = error
        error = outer
    assert hide(error, [secret])
    one: BaseException | None = error
    while one is not None:
        assert secret not in str(one)
        one = one.__cause__


def test_error_that_cannot_speak_says_nothing_and_circles_end() -> None:
    first, second = Mute("s3cret"), ValueError("s3cret")
    first.__cause__, second.__cause__ = second, first
    assert hide(second, ["s3cret"])
    assert "s3cret" not in str(second)
    assert hide(first, [])
