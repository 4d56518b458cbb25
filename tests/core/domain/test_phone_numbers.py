import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clientflow_core.domain.phone_numbers import to_e164
from clientflow_core.errors import FieldError, InvalidInput


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15550100100", "+15550100100"),
        ("+1 (555) 010-0100", "+15550100100"),
        (" +1.555.010.0100\n", "+15550100100"),
        ("(+44) 20 7946 0958", "+442079460958"),
        ("\uff0b1 555 010 0100", "+15550100100"),
        ("+49 30 1234567", "+49301234567"),
        ("+86 10 1234 5678", "+861012345678"),
        # Italy keeps its zero.
        ("+39 06 12345", "+390612345"),
        ("+49\u0661\u0665\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669", "+4915123456789"),
    ],
)
def test_number_in_international_form_is_written_as_e164(text: str, number: str) -> None:
    assert to_e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "hello",
        "\x00",
        "5550100100",
        "(555) 010-0100",
        "0049 30 1234567",
        "011 1 555 010 0100",
        "+1",
        "+999 123456789",
        "+1555010010",
        "+155501001000",
        # Only its own town could dial it.
        "+1 555 0100",
        "+491512345678901234",
        "+15550100100 or +15550100101",
        # The rest would be dropped, and the text go to somebody else or on another way.
        "Bob +15550100100",
        "whatsapp:+15550100100",
        "tel:+15550100100",
        "5550100100;phone-context=+1",
        "+15550100100 ext. 5",
        "+15550100100;ext=5",
        "+1" * 200,
    ],
)
def test_anything_else_is_refused_with_its_place_and_without_a_guess(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_e164(text, field="/contact/phone")
    detail = "give a telephone number in international form, such as +15550100100"
    assert caught.value.errors == (FieldError("/contact/phone", detail),)


@given(st.text() | st.from_regex(r"[(+]{0,2}[0-9 ().x-]{5,20}", fullmatch=True))
@example("+1 800 FLOWERS")
def test_what_is_taken_is_e164_and_stays_as_it_is(text: str) -> None:
    try:
        number = to_e164(text)
    except InvalidInput:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{1,16}", number)
    assert to_e164(number) == number
