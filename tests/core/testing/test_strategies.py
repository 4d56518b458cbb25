"""What the kit gives for tests of one's own."""

import datetime as dt
import enum
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.messages import OutboundMessage
from clientflow_core.domain.money import Money
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings, setting
from clientflow_core.testing import (
    Medium,
    NotSupported,
    StillClock,
    VendorBug,
    addresses,
    amounts,
    memory_plugin,
    messages,
    settings_for,
    texts,
    webhook_requests,
)
from clientflow_core.testing.credentials import spoil
from tests.core.testing.heliograph.spec import HELIOGRAPH


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Every:
    """One setting of each type."""

    word: str = setting(env="EVERY_WORD", help="x")
    formed: str = setting(env="EVERY_FORMED", help="x", pattern=r"AC[0-9a-f]{4}")
    secret: Secret = setting(env="EVERY_SECRET", help="x")
    number: int = setting(env="EVERY_NUMBER", help="x")
    part: float = setting(env="EVERY_PART", help="x")
    flag: bool = setting(env="EVERY_FLAG", help="x")
    color: Color = setting(env="EVERY_COLOR", help="x")
    place: Path = setting(env="EVERY_PLACE", help="x")
    names: tuple[str, ...] = setting(env="EVERY_NAMES", help="x")
    maybe: str | None = setting(env="EVERY_MAYBE", help="x", default=None)


@settings(max_examples=50)
@given(values=settings_for(Every))
def test_settings_that_are_given_can_be_loaded(values: dict[str, str]) -> None:
    loaded = load_settings(Every, values)
    assert loaded.word == values["EVERY_WORD"]
    assert loaded.secret.reveal() == values["EVERY_SECRET"]
    assert loaded.maybe == values.get("EVERY_MAYBE")


@settings(max_examples=100)
@given(data=st.data(), longest=st.sampled_from([1, 2, 70, 160, 1600]))
def test_texts_are_never_longer_and_hold_nothing_that_cannot_be_kept(
    data: st.DataObject, longest: int
) -> None:
    text = data.draw(texts(longest=longest))
    assert 1 <= len(text) <= longest
    assert text == text.strip()
    assert "\x00" not in text
    text.encode()


@settings(max_examples=30)
@given(message=messages(sender="+15550100"), email=addresses(Medium.EMAIL))
def test_messages_have_all_that_a_message_has(message: OutboundMessage, email: str) -> None:
    assert message.sender == "+15550100"
    assert message.recipient.startswith("+1415555")
    assert message.body
    assert email.endswith("@example.com")


@settings(max_examples=50)
@given(any_amount=amounts(), yen=amounts("JPY"))
def test_amounts_are_of_currencies_with_two_decimals_with_none_and_with_three(
    any_amount: Money, yen: Money
) -> None:
    assert any_amount.minor > 0
    assert any_amount.currency in {"USD", "EUR", "JPY", "KRW", "KWD", "BHD"}
    assert any_amount.currency not in {"KWD", "BHD"} or any_amount.minor % 10 == 0
    assert yen.currency == "JPY"


SAMPLES = [
    WebhookRequest(method="POST", url="http://x/y", headers={"a": "b"}, body=body)
    for body in (b"", b"a=1&b=2", b'{"a": [1, {"b": null}]}', b"\xff")
]


@settings(max_examples=100)
@given(request=webhook_requests(SAMPLES))
def test_webhooks_that_nobody_sent_are_webhooks(request: WebhookRequest) -> None:
    assert isinstance(request.body, bytes)
    assert request.headers.keys() <= {"a"}


@given(secret=st.text(min_size=8, max_size=40))
def test_wrong_secret_begins_as_the_right_one_and_is_as_long(secret: str) -> None:
    assert spoil(secret)[: len(secret) // 2] == secret[: len(secret) // 2]
    assert len(spoil(secret)) == len(secret)
    if secret[-1].isascii() and secret[-1].isalnum():
        assert spoil(secret) != secret


def test_clock_stands_still_until_it_is_moved() -> None:
    clock = StillClock()
    before = clock.now()
    assert clock.now() == before
    clock.move(seconds=90)
    assert clock.now() - before == dt.timedelta(seconds=90)


async def test_plugin_that_nobody_installed_is_used_by_the_registry() -> None:
    values = {
        "HELIOGRAPH_KEY": "k" * 8,
        "HELIOGRAPH_HILL": "hill-1",
        "HELIOGRAPH_TOWER": "+15550100199",
        "HELIOGRAPH_URL": "http://127.0.0.1:9",
    }
    async with ProviderRegistry([memory_plugin(HELIOGRAPH)], values) as registry:
        assert list(registry.addresses("heliograph")) == ["+15550100199"]
        channel = await registry.channel("heliograph")
        assert isinstance(channel, ChannelProvider)


@pytest.mark.parametrize(
    ("make", "values"), [(NotSupported, [""]), (VendorBug, ["a page", "it does"])]
)
def test_reason_that_says_nothing_is_refused(make: Any, values: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make(*values)
