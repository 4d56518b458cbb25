"""What is shown of many telephones and many texts, and in which order."""

import datetime as dt

from clientflow_core.sandbox import Arrival, Bubble, Phone, Phones, ReadyClient
from clientflow_host.sandbox_console.view import MOST_BUBBLES, MOST_PHONES, Seats, show_phones

NOW = dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)
OURS = "+14155550100"
ADA = ReadyClient(name="Ada", number="+14155550123", about="One.")
BEN = ReadyClient(name="Ben", number="+14155550124", about="Another.")


def bubble(minute: int = 0, *, is_from_client: bool = True) -> Bubble:
    return Bubble(
        id=f"text-{minute}",
        is_from_client=is_from_client,
        body="hi",
        at=NOW + dt.timedelta(minutes=minute),
        arrival=Arrival.ARRIVED,
        note="received",
    )


def phone(client: str, *bubbles: Bubble) -> Phone:
    return Phone(client=client, business=OURS, bubbles=bubbles)


def panel(*phones: Phone) -> Phones:
    return Phones(numbers=[OURS], phones=phones, ready=(ADA, BEN))


def shown(panel: Phones, seats: Seats) -> list[str]:
    return [one.name for one in show_phones(panel, seats.of("toy", panel)).phones]


def test_first_ready_client_is_there_from_the_start_and_the_order_stays() -> None:
    seats = Seats()
    assert shown(panel(), seats) == ["Ada"]
    seats.add("toy", (BEN.number, OURS))
    assert shown(panel(phone(BEN.number, bubble())), seats) == ["Ada", "Ben"]
    later = panel(phone("+15550100", bubble(1)), phone(ADA.number, bubble(2)))
    assert shown(later, seats) == ["Ada", "Ben", "+15550100"]


def test_nobody_is_there_if_nobody_could_write() -> None:
    none = Phones(numbers=[], phones=[], ready=(ADA,))
    assert shown(none, Seats()) == []
    assert shown(Phones(numbers=[OURS], phones=[]), Seats()) == []


def test_ready_client_is_offered_until_seated() -> None:
    seats = Seats()
    table = show_phones(panel(), seats.of("toy", panel()))
    assert table.waiting == [BEN]
    assert (table.is_untouched, table.is_answered) == (True, False)
    asked = panel(phone(ADA.number, bubble()))
    table = show_phones(asked, seats.of("toy", asked))
    assert (table.is_untouched, table.is_answered) == (False, False)
    answered = panel(phone(ADA.number, bubble(), bubble(1, is_from_client=False)))
    assert show_phones(answered, seats.of("toy", answered)).is_answered


def test_telephones_with_news_are_shown_and_the_rest_counted() -> None:
    many = [phone(f"+1555{number:04d}", bubble(number)) for number in range(MOST_PHONES + 3)]
    # The first to be used has the newest text.
    many[0] = phone(many[0].client, bubble(1000))
    seats = Seats()
    seats.of("toy", panel(*many))
    seats.add("toy", ("+1556", OURS))
    table = show_phones(panel(*many), seats.of("toy", panel(*many)))
    assert len(table.phones) == MOST_PHONES
    assert table.hidden == 4
    names = [one.name for one in table.phones]
    assert names[0] == many[0].client
    assert names[-1] == "+1556"
    assert many[1].client not in names


def test_newest_texts_are_shown_and_the_rest_counted() -> None:
    (one,) = show_phones(
        panel(phone(ADA.number, *map(bubble, range(MOST_BUBBLES + 2)))), [(ADA.number, OURS)]
    ).phones
    assert len(one.bubbles) == MOST_BUBBLES
    assert one.hidden == 2
    assert one.bubbles[-1].id == f"text-{MOST_BUBBLES + 1}"
