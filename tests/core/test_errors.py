import copy
import inspect
import pickle
import re

import pytest

from clientflow_core import errors
from clientflow_core.errors import (
    ClientFlowError,
    FieldError,
    InvalidInput,
    Overloaded,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    SettingProblem,
    SettingsError,
)

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, ClientFlowError)
]


def test_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert errors.__doc__
    drawn: dict[str, str | None] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r" {4}([│ ├└─]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            drawn[found[2]] = above[depth - 1] if depth else None
    real = {c.__name__: c.__bases__[0].__name__ for c in CLASSES if c is not ClientFlowError}
    assert drawn == real | {"ClientFlowError": None}


def test_codes_are_stable_words_and_differ() -> None:
    codes = [error.code for error in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error_class", CLASSES)
def test_every_class_says_what_it_means(error_class: type[ClientFlowError]) -> None:
    assert error_class.__doc__
    assert error_class.__doc__.partition("\n")[0].endswith(".")


@pytest.mark.parametrize("error_class", CLASSES)
def test_every_class_says_what_to_do(error_class: type[ClientFlowError]) -> None:
    assert vars(error_class)["remedy"].endswith(".")


PROBLEMS = [
    SettingProblem("A_KEY", "is not set", "the key"),
    SettingProblem("B", "is not a number"),
]
SAMPLES = [
    InvalidInput("broken", [FieldError("/a", "too long")]),
    Overloaded("full", retry_after_seconds=7),
    SettingsError(PROBLEMS),
    ProviderRefused("no", provider_code="21610"),
    RateLimited("too fast", provider_code="429", retry_after_seconds=1.5),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_error_survives_copying_and_pickling(error: ClientFlowError, way: object) -> None:
    assert callable(way)
    again = way(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_settings_error_lists_every_problem_by_name() -> None:
    assert str(SettingsError(PROBLEMS)) == (
        "2 settings are not usable:\n  A_KEY: is not set (the key)\n  B: is not a number"
    )
    assert str(SettingsError(PROBLEMS[1:])) == "1 setting is not usable:\n  B: is not a number"


def test_provider_error_keeps_the_code_and_the_wait() -> None:
    error = ProviderUnavailable("busy", provider_code="503", retry_after_seconds=2.0)
    assert (error.provider_code, error.retry_after_seconds) == ("503", 2.0)
    assert str(error) == "busy"
