import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.email_addresses import is_email_address, to_email_address
from clientflow_core.errors import FieldError, InvalidInput


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada.lovelace+news@example.co.uk", "ada.lovelace+news@example.co.uk"),
        ("ada@bücher.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada@mail.test", "ada@mail.test"),
    ],
)
def test_an_address_is_written_in_small_letters(text: str, address: str) -> None:
    assert to_email_address(text) == address
    assert to_email_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@localhost",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "ada\x00@example.com",
        "ada@exam\u202eple.com",
        "Ada <ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com eve@example.com",
        '"Ada\r\nBcc: eve@example.com" <ada@example.com>',
        f"{'a' * 250}@example.com",
    ],
)
def test_what_is_no_address_or_more_than_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_email_address(text, field="/to")
    assert caught.value.errors == (FieldError("/to", "give an address such as ada@example.com"),)
    assert not is_email_address(text)


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_address_can_end_a_line(junk: str) -> None:
    for text in (junk, f"{junk}@example.com", f"ada@{junk}.example.com"):
        if is_email_address(text):
            assert to_email_address(text).isprintable()
