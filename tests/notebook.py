"""An observer that notes what it is told."""

import contextlib
from collections.abc import Iterator

import attrs
from typing_extensions import override

from clientflow_core.providers.observer import Fields, ObserverProvider


@attrs.define(eq=False)
class Notebook(ObserverProvider):
    """Notes what it is told.

    Attributes:
        errors: each with its fields.
        spans: of each that has ended the name, what was raised in it, and the fields.
    """

    errors: list[tuple[BaseException, Fields]] = attrs.field(factory=list)
    spans: list[tuple[str, str | None, Fields]] = attrs.field(factory=list)

    @override
    async def verify(self) -> str:
        return "a notebook"

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        self.errors.append((error, fields))

    @override
    @contextlib.contextmanager
    def span(self, name: str, *, fields: Fields) -> Iterator[None]:
        raised: str | None = None
        try:
            yield
        except BaseException as error:
            raised = type(error).__name__
            raise
        finally:
            self.spans.append((name, raised, fields))

    @override
    async def flush(self) -> None:
        return
