from typing_extensions import override

from clientflow_plugins.opentelemetry.stacks import stack_of, words_of
from tests.plugins.opentelemetry.conftest import raised


class Speechless(Exception):
    @override
    def __str__(self) -> str:
        raise RuntimeError


def test_cause_stands_before_its_effect_and_both_without_private_words() -> None:
    error = RuntimeError("to ada@example.com")
    error.__cause__ = raised(ValueError("token=zzz"))
    lines = stack_of(raised(error)).splitlines()
    heads = [line for line in lines if not line.startswith((" ", "Traceback"))]
    assert heads == ["ValueError: [named]", "RuntimeError: to [email]"]
    assert any(line.endswith("in raised") for line in lines)


def test_members_of_a_group_are_told() -> None:
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("one", [KeyError("b")])])
    stack = stack_of(raised(group))
    assert all(name in stack for name in ("ValueError: a", "KeyError: 'b'"))


def test_suppressed_context_is_not_told() -> None:
    error = RuntimeError("x")
    error.__context__, error.__suppress_context__ = ValueError("before"), True
    assert "before" not in stack_of(error)


def test_circle_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert stack_of(one).count("ValueError") == 2


def test_one_that_cannot_say_what_it_is_has_no_words() -> None:
    assert words_of(Speechless()) == ""
    assert "Speechless: " in stack_of(Speechless())
