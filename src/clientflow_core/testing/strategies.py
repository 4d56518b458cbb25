"""Strategies of hypothesis for what providers are given: texts, messages, settings, webhooks."""

import datetime as dt
import enum
import json
import types
import typing
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from clientflow_core.domain.calendars import EventDraft, Timed
from clientflow_core.domain.messages import OutboundMessage
from clientflow_core.domain.money import Money
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret
from clientflow_core.settings import SettingField, setting_fields

LONGEST_BODY: Final = 1600
_LONGEST_NUMBER: Final = 10**9
# One part, several, the last letter of a part and the first of the next: in GSM 03.38 and UCS-2.
_LENGTHS: Final = (1, 69, 70, 71, 134, 159, 160, 161, 306, 307, 1599, 1600)
_LETTERS: Final = (
    "a", "Z", "0", "é", "ß", "@", "_", "€", "[", "~", "+", "&", "=", "%", "<", '"', "\\", "\u2019",
    "ж", "中", "ع", "א", "👍", "🇩🇪", "👩‍👩‍👧", "e\u0301", "\u00a0", "\u200b", " ", "\n",
)  # fmt: skip
_EDGES: Final = ("a", "é", "中", "👍")
_ANY_LETTER: Final = st.characters(codec="utf-8")


# With the step of their amounts: not every provider takes a single thousandth of a dinar.
CURRENCIES: Final = MappingProxyType({"USD": 1, "EUR": 1, "JPY": 1, "KRW": 1, "KWD": 10, "BHD": 10})
_LARGEST_AMOUNT: Final = 99_999_990


class Medium(enum.StrEnum):
    """What an address is for."""

    TELEPHONE = "telephone"
    EMAIL = "email"


def texts(*, longest: int = LONGEST_BODY) -> SearchStrategy[str]:
    """Give bodies of messages: every script, every length that matters, up to *longest* letters.

    None begins or ends with a blank, and none holds a control character but the end of a line:
    what becomes of those is the provider's own affair.
    """
    letters = st.one_of(
        st.sampled_from(_LETTERS),
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")),
    )
    short = st.lists(letters, max_size=40).map("".join)
    long = st.builds(
        lambda letter, length: (letter * length)[:length],
        st.sampled_from(_LETTERS),
        st.sampled_from([length for length in _LENGTHS if length <= longest]),
    )
    middle = st.one_of(short, long)
    return st.builds(_between, middle, st.sampled_from(_EDGES), st.just(longest))


def _between(middle: str, edge: str, longest: int) -> str:
    if longest == 1:
        return edge
    return edge + middle[: longest - 2] + edge


def addresses(medium: Medium = Medium.TELEPHONE) -> SearchStrategy[str]:
    """Give addresses of clients, of those that are kept for examples and reach nobody."""
    if medium is Medium.EMAIL:
        names = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z0-9]{1,10})?", fullmatch=True)
        return names.map(lambda name: f"{name}@example.com")
    return st.integers(100, 149).map(lambda number: f"+1415555{number:04d}")


def amounts(*currencies: str) -> SearchStrategy[Money]:
    """Give amounts of money of *currencies*; by default some of two decimals, none and three."""
    return st.sampled_from(currencies or tuple(CURRENCIES)).flatmap(_amounts_of)


def _amounts_of(currency: str) -> SearchStrategy[Money]:
    step = CURRENCIES.get(currency, 10)
    return st.integers(1, _LARGEST_AMOUNT // step).map(
        lambda steps: Money(minor=steps * step, currency=currency)
    )


def messages(
    *, sender: str, recipient: str | None = None, longest: int = LONGEST_BODY
) -> SearchStrategy[OutboundMessage]:
    """Give messages to send.

    Args:
        sender: our address.
        recipient: the client's; by default any telephone of :func:`addresses`.
        longest: how many letters a body has at most.
    """
    return st.builds(
        OutboundMessage,
        attempt_id=st.integers(0, 2**128 - 1).map(lambda number: uuid.UUID(int=number)),
        sender=st.just(sender),
        recipient=addresses() if recipient is None else st.just(recipient),
        body=texts(longest=longest),
    )


def event_drafts(*, starts_at: dt.datetime) -> SearchStrategy[EventDraft]:
    """Give events of an hour to put into a calendar, with words of every script.

    Titles and places are one line of words.

    Args:
        starts_at: aware; when they are, at the earliest.
    """
    line = texts(longest=200).map(lambda text: " ".join(text.split()))
    starts = st.integers(0, 1000).map(lambda hours: starts_at + dt.timedelta(hours=hours))
    return st.builds(
        EventDraft,
        id=st.integers(0, 2**128 - 1).map(lambda number: uuid.UUID(int=number)),
        title=line,
        time=starts.map(
            lambda start: Timed(
                starts_at=start, ends_at=start + dt.timedelta(hours=1), time_zone="Europe/Berlin"
            )
        ),
        is_busy=st.booleans(),
        description=texts(longest=1000),
        location=st.one_of(st.just(""), line),
        attendees=st.lists(addresses(Medium.EMAIL), max_size=3, unique=True).map(tuple),
    )


def settings_for(settings_class: type) -> SearchStrategy[dict[str, str]]:
    """Give valid values of *settings_class*, by their names in the environment.

    Each field alone is valid; rules of several fields may still be broken.
    """
    fields = setting_fields(settings_class)
    required = {f.setting.env: setting_text(f) for f in fields if f.is_required}
    optional = {f.setting.env: setting_text(f) for f in fields if not f.is_required}
    return st.fixed_dictionaries(required, optional=optional)


def setting_text(field: SettingField) -> SearchStrategy[str]:
    """Give valid values of one setting, as the environment has them."""
    kind = plain_type(field)
    if field.setting.pattern:
        written = st.from_regex(field.setting.pattern, fullmatch=True)
    else:
        written = _text_of(kind)
    # The environment holds no NUL, and what is empty counts as not set.
    return written.filter(lambda text: bool(text) and "\x00" not in text)


def plain_type(field: SettingField) -> Any:
    """Give the type of *field* without None."""
    if typing.get_origin(field.type) not in {types.UnionType, typing.Union}:
        return field.type
    return next(kind for kind in typing.get_args(field.type) if kind is not types.NoneType)


def _text_of(kind: Any) -> SearchStrategy[str]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from([str(member.value) for member in kind])
    plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1)
    by_type: Mapping[Any, SearchStrategy[str]] = {
        bool: st.sampled_from(["true", "false", "1", "0", "yes", "no"]),
        int: st.integers(1, _LONGEST_NUMBER).map(str),
        float: st.floats(0.001, _LONGEST_NUMBER).map(str),
        Path: st.from_regex(r"/[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True),
        tuple[str, ...]: st.lists(st.from_regex("[a-z]{1,8}", fullmatch=True), min_size=1).map(
            ",".join
        ),
        Secret: plain,
    }
    return by_type.get(kind, plain)


def webhook_requests(samples: Sequence[WebhookRequest]) -> SearchStrategy[WebhookRequest]:
    """Give webhooks that no provider has sent: *samples* with other bodies, and other headers.

    Bodies are bytes of any kind, damaged ones, and well-formed ones whose fields are not.
    """
    sample = st.sampled_from(list(samples))
    headers = sample.flatmap(_other_headers)
    return st.builds(
        lambda one, given, body: attrs.evolve(one, headers=given, body=body),
        sample,
        headers,
        sample.flatmap(lambda one: other_bodies(one.body)),
    )


def _other_headers(sample: WebhookRequest) -> SearchStrategy[dict[str, str]]:
    junk = st.text(_ANY_LETTER, max_size=60)
    each = {
        name: st.one_of(st.just(value), junk, st.just("")) for name, value in sample.headers.items()
    }
    # Some are left out, too.
    return st.one_of(st.fixed_dictionaries(each), st.fixed_dictionaries({}, optional=each))


def other_bodies(body: bytes) -> SearchStrategy[bytes]:
    """Give bodies that resemble *body* less and less."""
    junk = st.one_of(st.binary(max_size=200), st.just(b""), st.just(b"[" * 20_000))
    return st.one_of(junk, _damaged(body), _other_forms(body), _other_json(body))


def _damaged(body: bytes) -> SearchStrategy[bytes]:
    place = st.integers(0, len(body))
    return st.builds(
        lambda at, until, between: body[:at] + between + body[until:],
        place,
        place,
        st.binary(max_size=8),
    )


_VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(_ANY_LETTER, max_size=20),
)
_JSON: Final = st.recursive(
    _VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text("abcdefgh", max_size=6), inner, max_size=3),
    ),
    max_leaves=6,
)


def _other_forms(body: bytes) -> SearchStrategy[bytes]:
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        fields = []
    if not fields:
        return st.just(b"a=1&a=2&b")
    odd = st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace").decode())

    def write(place: int, value: str, twice: bool) -> bytes:  # noqa: FBT001 - drawn, not called
        changed = [*fields]
        changed[place] = (fields[place][0], value)
        return urlencode(changed + ([fields[place]] if twice else [])).encode()

    return st.builds(write, st.integers(0, len(fields) - 1), odd, st.booleans())


def _other_json(body: bytes) -> SearchStrategy[bytes]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _JSON.map(lambda any_value: json.dumps(any_value).encode())
    paths = list(_paths(value))

    def write(place: int, leaf: Any) -> bytes:
        return json.dumps(_with_leaf(value, paths[place], leaf)).encode()

    return st.one_of(
        st.builds(write, st.integers(0, len(paths) - 1), _JSON),
        _JSON.map(lambda any_value: json.dumps(any_value).encode()),
    )


def _paths(value: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = dict(enumerate(value)).items()
    else:
        return [()]
    return [()] + [(key, *path) for key, one in inner for path in _paths(one)]


def _with_leaf(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    copied = value.copy()
    copied[path[0]] = _with_leaf(value[path[0]], path[1:], leaf)
    return copied
