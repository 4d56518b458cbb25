"""The chapters of the host: everything that the API and the pages have is in one, and found."""

import importlib
import pkgutil
from types import ModuleType

import pytest

from clientflow_host import pages, routes
from clientflow_host.openapi import Chapter, compile_schemas, load_all
from clientflow_host.openapi.operations import kinds_of, refuse_duplicates

ALL = {path: chapter for chapter in (*routes.CHAPTERS, *pages.CHAPTERS) for path in chapter.paths}


@pytest.mark.parametrize("package", [routes, pages])
def test_no_module_is_left_out(package: ModuleType) -> None:
    names = [f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(name) for name in names]
    there = [operation for one in modules for operation in getattr(one, "OPERATIONS", ())]
    at_once = importlib.import_module("clientflow_host.routes.health").OPERATIONS
    served = {id(operation) for operation in (*load_all(package.CHAPTERS), *at_once)}
    assert [operation.path for operation in there if id(operation) not in served] == []


def test_no_path_has_two_chapters() -> None:
    paths = [path for chapter in (*routes.CHAPTERS, *pages.CHAPTERS) for path in chapter.paths]
    assert sorted(paths) == sorted(ALL)


@pytest.mark.parametrize("chapter", [*routes.CHAPTERS, *pages.CHAPTERS], ids=lambda c: c.paths[0])
def test_each_operation_is_found_in_its_chapter(chapter: Chapter) -> None:
    """The longest path of all chapters that leads to it is one of its own."""
    for operation in chapter.load():
        leading = [p for p in ALL if p == "/" or f"{operation.path}/".startswith(f"{p}/")]
        assert ALL[max(leading, key=len)] is chapter, operation.path


@pytest.mark.parametrize("package", [routes, pages])
def test_types_of_all_chapters_can_be_published_and_no_name_or_address_is_twice(
    package: ModuleType,
) -> None:
    operations = load_all(package.CHAPTERS)
    refuse_duplicates(operations)
    assert compile_schemas(kinds_of(operations)).components


def test_pages_that_search_engines_may_find_are_in_the_public_chapter() -> None:
    theirs = {
        page.path
        for page in load_all(pages.CHAPTERS)
        if page.is_public and page.media_type == "text/html" and "{" not in page.path
    }
    assert theirs <= {page.path for page in pages.PUBLIC.load()}
