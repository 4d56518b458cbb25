"""A page of a plugin's own: what stands on it, as data. How it looks, and the HTML, are ours."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

import attrs

from clientflow_core.contributions.checking import LONGEST_NAME, is_async, is_deadline, is_name
from clientflow_core.contributions.context import Asking, PluginContext
from clientflow_core.domain.roles import Principal, Role

MOST_BLOCKS: Final = 100
MOST_ROWS: Final = 500
LONGEST_TEXT: Final = 10_000

# A path on this host, or a page elsewhere; what a browser would run is neither.
_TARGET: Final = r"/(?![/\\])[^\s\\]*|https://[^\s\\]+"
_is_text: Final = attrs.validators.and_(
    attrs.validators.instance_of(str), attrs.validators.max_len(LONGEST_TEXT)
)
_is_title: Final = attrs.validators.and_(_is_text, attrs.validators.min_len(1))


def _to_rows(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows)


def _to_texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


def _has_texts(_: object, attribute: "attrs.Attribute[Any]", rows: Any) -> None:
    if not all(isinstance(cell, str) and len(cell) <= LONGEST_TEXT for row in rows for cell in row):
        msg = f"the {attribute.name} must be texts of at most {LONGEST_TEXT} characters"
        raise TypeError(msg)


_are_rows: Final = attrs.validators.and_(attrs.validators.max_len(MOST_ROWS), _has_texts)


@attrs.frozen
class Heading:
    """Begins a part of the page."""

    kind: ClassVar[str] = "heading"
    text: str = attrs.field(validator=_is_title)


@attrs.frozen
class Paragraph:
    """Some sentences."""

    kind: ClassVar[str] = "paragraph"
    text: str = attrs.field(validator=_is_text)


@attrs.frozen(kw_only=True)
class Table:
    """Rows of texts.

    Attributes:
        caption: what it lists.
        columns: the heading of each.
        rows: at most 500, each with a cell for every column.
    """

    kind: ClassVar[str] = "table"
    caption: str = attrs.field(validator=_is_title)
    columns: tuple[str, ...] = attrs.field(
        converter=_to_texts, validator=attrs.validators.deep_iterable(_is_title)
    )
    rows: tuple[tuple[str, ...], ...] = attrs.field(converter=_to_rows, validator=_are_rows)

    def __attrs_post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            msg = f"each row of the table {self.caption!r} must have {len(self.columns)} cells"
            raise ValueError(msg)


@attrs.frozen
class Facts:
    """What is what: names, each with a text."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, ...], ...] = attrs.field(converter=_to_rows, validator=_are_rows)

    def __attrs_post_init__(self) -> None:
        if any(len(pair) != 2 for pair in self.pairs):  # noqa: PLR2004 - a pair
            msg = "each of the facts must be a name and a text"
            raise ValueError(msg)


@attrs.frozen(kw_only=True)
class PageLink:
    """Leads on.

    Attributes:
        text: where.
        to: a path on this host, such as ``/x/acme/orders?status=open``, or an https address.
    """

    kind: ClassVar[str] = "link"
    text: str = attrs.field(validator=_is_title)
    to: str = attrs.field(validator=attrs.validators.matches_re(_TARGET))


@attrs.frozen(kw_only=True)
class FormField:
    """A line to be filled in.

    Attributes:
        name: lower case.
        label: for people.
        value: what stands in it at first.
        longest: how many characters it takes; the host holds nobody to it.
        is_required: the browser asks for it.
    """

    name: str = attrs.field(validator=is_name)
    label: str = attrs.field(validator=_is_title)
    value: str = attrs.field(default="", validator=_is_text)
    longest: int = attrs.field(default=200, validator=attrs.validators.instance_of(int))
    is_required: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))


@attrs.frozen(kw_only=True)
class Form:
    """Is sent to the page that it stands on; that must have a ``submit``."""

    kind: ClassVar[str] = "form"
    fields: tuple[FormField, ...] = attrs.field(
        converter=tuple,
        validator=attrs.validators.deep_iterable(attrs.validators.instance_of(FormField)),
    )
    button: str = attrs.field(validator=_is_title)


PageBlock = Heading | Paragraph | Table | Facts | PageLink | Form


def _to_blocks(blocks: Iterable[PageBlock]) -> tuple[PageBlock, ...]:
    return tuple(blocks)


@attrs.frozen
class PageContent:
    """What stands on a page below its title, from top to bottom; at most 100 blocks."""

    blocks: tuple[PageBlock, ...] = attrs.field(
        converter=_to_blocks,
        validator=attrs.validators.and_(
            attrs.validators.max_len(MOST_BLOCKS),
            attrs.validators.deep_iterable(attrs.validators.instance_of(PageBlock)),
        ),
    )


@attrs.frozen(kw_only=True)
class PageRequest:
    """Somebody who is signed in looks at a page, or sends its form.

    Attributes:
        caller: who.
        query: what stands behind the question mark; the first of each name.
        form: what was filled in; nothing where the page is only looked at.
        context: what the plugin works with.
    """

    caller: Principal
    query: Mapping[str, str]
    form: Mapping[str, str]
    context: PluginContext
    _asking: Asking = attrs.field(alias="asking", repr=False)

    @property
    def organization_id(self) -> uuid.UUID:
        """For whom they look."""
        return self.caller.organization_id

    def enqueue(
        self, name: str, args: Mapping[str, str] | None = None, *, delay_seconds: float = 0
    ) -> None:
        """Ask for a job of this plugin, for the organization, if this ends well.

        Args:
            name: of its ``JobSpec``.
            args: ids and codes, each at most 200 characters.
            delay_seconds: how long it waits first.

        Raises:
            LookupError: the plugin brings no such job.
            ValueError: an argument is no short text.
        """
        self._asking.ask(name, args, delay_seconds=delay_seconds)


Show = Callable[[PageRequest], Awaitable[PageContent]]


def _is_of_somebody(_: object, __: "attrs.Attribute[Any]", value: Role) -> None:
    if value is Role.PUBLIC:
        msg = "the role of a page is viewer or a higher one: pages are for who is signed in"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class PageSpec:
    """A page at ``/x/{plugin}/{path}``, in our layout and linked in the navigation.

    Attributes:
        path: of lower-case letters, digits and dashes, such as ``orders`` or ``orders/open``.
        title: its heading, and its name in the navigation.
        role: who sees it, and may send its form, at least.
        render: gives what stands on it.
        submit: is given what a form on it was filled in with, and gives what stands on the page
            then.
        deadline_seconds: for either; at most 20.
    """

    path: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z0-9-]+(/[a-z0-9-]+)*"))
    title: str = attrs.field(
        validator=attrs.validators.and_(_is_title, attrs.validators.max_len(LONGEST_NAME))
    )
    role: Role = attrs.field(converter=Role, validator=_is_of_somebody)
    render: Show = attrs.field(validator=is_async)
    submit: Show | None = attrs.field(default=None, validator=attrs.validators.optional(is_async))
    deadline_seconds: float = attrs.field(default=10.0, validator=is_deadline(20.0))
