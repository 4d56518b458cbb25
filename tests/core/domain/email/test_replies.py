import time

import pytest

from clientflow_core.domain.email.replies import SplitReply, split_reply

PLAIN = (
    "Yes, Thursday at three is fine.",
    (
        "On Mon, Jan 5, 2026 at 10:12 AM Salon Ada <salon@example.com> wrote:\n"
        "> Would Thursday suit you?\n>\n> Ada"
    ),
)
WRAPPED = (
    "Yes.",
    (
        "On Mon, Jan 5, 2026 at 10:12 AM Salon Ada and Her Many Friends\n"
        "<salon@example.com> wrote:\n\n> Would Thursday suit you?"
    ),
)
GERMAN = (
    "Ja, Donnerstag passt.",
    "Am 05.01.2026 um 10:12 schrieb Salon Ada <salon@example.com>:\n> Passt Donnerstag?",
)
FRENCH = (
    "Oui, merci.",
    "Le lun. 5 janv. 2026 à 10:12, Salon Ada <salon@example.com> a écrit :\n> Jeudi ?",
)
OUTLOOK = (
    "Thursday works for me.",
    (
        "________________________________\n"
        "From: Salon Ada <salon@example.com>\n"
        "Sent: Monday, January 5, 2026 10:12 AM\n"
        "To: Ben <ben@example.com>\n"
        "Subject: Your appointment\n\nWould Thursday suit you?"
    ),
)
ORIGINAL = ("Gern.", "-----Ursprüngliche Nachricht-----\nVon: Salon Ada\n\nPasst Donnerstag?")
IPHONE = (
    "Yes please",
    (
        "Sent from my iPhone\n\n> On 5 Jan 2026, at 10:12, Salon Ada <salon@example.com> wrote:\n"
        "> \n> Would Thursday suit you?"
    ),
)
SIGNATURE = ("See you then.", "-- \nBen Bitdiddle\n+1 555 0100")
SIGNED_ABOVE_QUOTE = (
    "See you then.",
    "-- \nBen\n\nOn Jan 5, 2026, salon@example.com wrote:\n> Thursday?",
)
UNMARKED = (
    "Fine.",
    "On Jan 5, 2026, salon@example.com wrote:\nWould Thursday suit you?\nAda",
)
SAMPLES = {
    "plain": PLAIN,
    "an attribution on two lines": WRAPPED,
    "German": GERMAN,
    "French": FRENCH,
    "Outlook": OUTLOOK,
    "original message": ORIGINAL,
    "iPhone": IPHONE,
    "a signature": SIGNATURE,
    "a signature above the quote": SIGNED_ABOVE_QUOTE,
    "a history without marks": UNMARKED,
}
INTERLEAVED = """On Jan 5, 2026, salon@example.com wrote:
> Would Thursday suit you?
Yes, at three.
> And which colour?
The same as last time."""
FORWARDED = """What do you think of this?

---------- Forwarded message ---------
From: Eve <eve@example.com>
Date: Mon, Jan 5, 2026 at 10:12 AM
Subject: Offer
To: Ben <ben@example.com>

Half the price."""
PROSE = "On Monday I called and my husband wrote:\nnothing. So I ask again:\n\nis Thursday free?"


@pytest.mark.parametrize(("written", "rest"), SAMPLES.values(), ids=SAMPLES.keys())
def test_what_was_written_is_told_apart(written: str, rest: str) -> None:
    assert split_reply(f"{written}\n\n{rest}\n") == SplitReply(written, rest)
    assert split_reply(f"{written}\n\n{rest}\n".replace("\n", "\r\n")).text == written


@pytest.mark.parametrize(
    "text",
    [
        INTERLEAVED,
        FORWARDED,
        PROSE,
        "Is Thursday free?\n\nI would come at three.",
        "> only a quote",
        "Sent from my iPhone",
        "",
    ],
)
def test_what_cannot_be_told_apart_stays_whole(text: str) -> None:
    assert split_reply(text) == SplitReply(text, "")


def test_an_interleaved_answer_loses_only_its_signature() -> None:
    split = split_reply(f"{INTERLEAVED}\n-- \nBen")
    assert split == SplitReply(INTERLEAVED, "-- \nBen")


HOSTILE = {
    "on": "On " * 20_000,
    "lines of on": "On 1\n" * 100_000,
    "quotes": "> \n" * 150_000,
    "quotes and lines": "> a\nb\n" * 80_000,
    "signatures": "-- \n" * 100_000,
    "telephones": "Sent from my\n" * 70_000,
    "outlook": "From:\n" * 80_000,
    "blanks": "\n" * 300_000,
    "one line": "x" * 1_000_000,
    "dashes": "-" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_as_the_text_does(text: str) -> None:
    began = time.process_time()
    split_reply(text)
    # Of the libraries for this one takes half a minute for a thousandth of it.
    assert time.process_time() - began < 10


def test_sixty_kilobytes_take_no_second() -> None:
    began = time.process_time()
    split_reply("On " * 20_000)
    assert time.process_time() - began < 1
