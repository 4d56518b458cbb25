import contextlib

import pytest

from clientflow_core.errors import NotFound, PluginError, ProviderUnavailable
from clientflow_core.providers.observers import NOBODY, Observers
from tests.notebook import Notebook


@pytest.mark.parametrize("count", [1, 2])
def test_each_is_told(count: int) -> None:
    books = [Notebook() for _ in range(count)]
    error = ValueError("x")
    observers = Observers(books)
    with contextlib.suppress(ValueError), observers.span("job", fields={}):
        observers.report_error(error, fields={})
        raise error
    assert all(book.errors == [(error, {})] for book in books)
    assert all(book.spans == [("job", "ValueError", {})] for book in books)


def test_without_any_nothing_happens() -> None:
    with NOBODY.span("job", fields={}), NOBODY.span("job", fields={}):
        NOBODY.report_error(ValueError("x"), fields={})
    assert (bool(NOBODY), bool(Observers([Notebook()]))) == (False, True)


def test_errors_that_somebody_is_prepared_for_are_not_told() -> None:
    book = Notebook()
    for error in (NotFound("x"), ProviderUnavailable("x")):
        Observers([book]).report_error(error, fields={})
    assert book.errors == []


def test_fault_of_a_plugin_is_told_by_its_cause() -> None:
    book, cause = Notebook(), KeyError("x")
    wrapped, bare = PluginError("it failed"), PluginError("it has nothing")
    wrapped.__cause__ = cause
    for error in (wrapped, bare):
        Observers([book]).report_error(error, fields={})
    assert [error for error, _ in book.errors] == [cause, bare]
