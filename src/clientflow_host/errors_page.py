"""The page of errors of the documentation, written from the classes of errors themselves.

``python -m clientflow_host.errors_page`` writes it anew, in a checkout; a test fails while it is
out of date. ``/problems`` of a running host says the same.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import clientflow_host
from clientflow_host.openapi import (
    STATUSES,
    HttpProblem,
    ProblemKind,
    Section,
    error_classes,
    kind_of_class,
    problem_kinds,
)

COMMAND: Final = "python -m clientflow_host.errors_page"
PAGE: Final = "docs/errors.md"
_TABLE_HEAD: Final = "| code | HTTP | what it means, and what to do |\n| --- | --- | --- |"
_INTRODUCTION: Final = f"""\
# Errors

<!-- Written by `{COMMAND}`; change the classes of errors instead. -->

Every error that ClientFlow raises on purpose is a {{py:exc}}`~clientflow_core.ClientFlowError` with
a `code`, which never changes once it is published. In Python catch the class, over HTTP look at the
code. What is not listed here is a fault of ours, and over HTTP is `500 internal` with the
`request_id` by which it is found in the log.

Over HTTP an error is `application/problem+json` (RFC 9457): its `code` is the one below, and
`detail` says what happened this time. Its `type` is the address of a page of the host, `/problems/`
and the code, which says what stands here; with `Accept: application/json` it gives that as JSON.
`/problems` lists all. [The API](api.md#errors) shows an answer."""
_OF_SERVICE: Final = """\
At the start these end a command with a sentence and the exit code 1. What they say is for the
operator and stands in the log. Those that are 500, or have no status, answers call `internal`."""
_OTHERS: Final = "Every other status has the code of its name, such as `gone` for 410."
_OWN: Final = ("clientflow_core.", "clientflow_plugins.", "clientflow_host.")


def errors_page() -> str:
    """Write the page, in Markdown."""
    parts = [_INTRODUCTION]
    for section in Section:
        parts.append(f"## {section}")
        if section is Section.SERVICE:
            parts.append(_OF_SERVICE)
        rows = [_row(kind) for kind in kinds() if kind.section is section]
        parts.append("\n".join([_TABLE_HEAD, *rows]))
    return "\n\n".join([*parts, _OTHERS]) + "\n"


def kinds() -> Iterator[ProblemKind]:
    """Give every kind of error of ours, also those that no answer is."""
    _load_host()
    ours = [error for error in error_classes() if error.__module__.startswith(_OWN)]
    yield from map(kind_of_class, (error for error in ours if error in STATUSES))
    rest = (kind_of_class(error) for error in ours if error not in STATUSES)
    yield from sorted(rest, key=lambda kind: kind.code)
    yield from (kind for kind in problem_kinds().values() if kind.section is Section.HTTP)
    yield kind_of_class(HttpProblem)


def _load_host() -> None:
    """Import every module of the host: a class of errors is known once its module is there."""
    for module in pkgutil.walk_packages(clientflow_host.__path__, "clientflow_host."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _row(kind: ProblemKind) -> str:
    name = f"`{kind.name}`: " if kind.name else ""
    is_answered = kind.name is None or kind.name in {error.__name__ for error in STATUSES}
    status = f" {kind.status} " if is_answered else " "
    return f"| `{kind.code}` |{status}| {name}{kind.meaning} {kind.remedy} |"


def main(root: Path) -> None:
    """Write the page anew below the checkout *root*."""
    if not (root / "docs").is_dir():
        sys.exit(f"{root} is no checkout of ClientFlow: run this in one")
    (root / PAGE).write_text(errors_page(), "utf-8")


if __name__ == "__main__":
    main(Path.cwd())
