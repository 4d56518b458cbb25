import uuid

import pytest

from clientflow_core.domain.email.parts import EmailParts
from clientflow_core.domain.email.threads import (
    new_message_id,
    next_references,
    plain_subject,
    referred,
    reply_subject,
    thread_root,
)

pytestmark = pytest.mark.proves("TI3")


@pytest.mark.parametrize(
    ("subject", "plain"),
    [
        ("Thursday", "Thursday"),
        ("Re: Thursday", "Thursday"),
        ("RE: AW: Fwd: re[2]: Thursday", "Thursday"),
        ("Re : Thursday", "Thursday"),
        ("Reminder: Thursday", "Reminder: Thursday"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_subjects_are_compared_without_their_prefixes(subject: str, plain: str) -> None:
    assert plain_subject(subject) == plain
    assert reply_subject(subject) == f"Re: {plain}".strip()


def test_prefixes_without_end_are_given_up() -> None:
    assert plain_subject("Re: " * 10_000 + "x").startswith("Re:")
    assert len(reply_subject("x" * 2000)) == 998


def test_an_answer_refers_to_the_whole_thread() -> None:
    first = EmailParts(message_id="<1@a>")
    second = EmailParts(message_id="<2@a>", in_reply_to="<1@a>", references=next_references(first))
    assert next_references(second) == ("<1@a>", "<2@a>")
    assert next_references(EmailParts(message_id="<2@a>", in_reply_to="<1@a>")) == (
        "<1@a>",
        "<2@a>",
    )
    assert next_references(EmailParts()) == ()
    assert referred(second) == ("<1@a>",)
    assert thread_root(second) == thread_root(first) == "<1@a>"
    assert thread_root(EmailParts(message_id="<3@a>", in_reply_to="<1@a>")) == "<1@a>"


def test_a_long_thread_keeps_its_begin_and_its_end() -> None:
    ids = tuple(f"<{number}@a>" for number in range(100))
    following = next_references(EmailParts(message_id="<100@a>", references=ids))
    assert len(following) == 100
    assert (following[0], following[1], following[-1]) == ("<0@a>", "<2@a>", "<100@a>")


def test_the_same_mail_always_has_the_same_message_id() -> None:
    id_ = uuid.UUID(int=1)
    assert new_message_id(id_, sender="salon@example.com") == f"<{id_.hex}@example.com>"
    assert new_message_id(id_, sender="nobody") == f"<{id_.hex}@localhost>".replace(
        "localhost", "nobody"
    )
