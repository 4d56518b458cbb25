"""An e-mail comes in and is answered: through the plugin smtp, to its sandbox and back."""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import Direction, Message, MessageReceived, MessageStatus
from clientflow_core.errors import InvalidInput, NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.repositories import attachments
from clientflow_core.persistence.repositories.attachments import read_attachment
from clientflow_core.persistence.repositories.messages import list_messages
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.receive_message import receive_message
from clientflow_core.services.send_message import send_message
from clientflow_plugins.smtp.sandbox import UNKNOWN_ADDRESS, SmtpSandbox
from clientflow_plugins.smtp.spec import SMTP
from tests.core.services.conftest import Stage, plugin_of

pytestmark = pytest.mark.proves("TI3")

ADA = "ada@example.org"


@attrs.define(eq=False)
class Desk:
    """A business with one address, and the mail server behind it."""

    stage: Stage
    sandbox: SmtpSandbox
    address: str

    async def write(self, name: str = "email.received", **fields: str) -> str:
        """Let something happen at the mail server, and take in what it tells of."""
        (event,) = [one for one in self.sandbox.events() if one.name == name]
        given = {one.name: fields.get(one.name, one.default) for one in event.fields}
        occurrence = event.happen({k: v for k, v in given.items() if v is not None})
        for request in occurrence.requests:
            await self.stage.receive(request.url, request.body, request.headers)
        await self.stage.do_jobs()
        return str(occurrence.facts["message_id"])

    async def take(self, body: str = "Hello", **parts: Any) -> Message:
        """Take in an e-mail as a plugin has read it; give what is kept of it."""
        received = MessageReceived(
            provider_message_id=f"<{new_id().hex}@example.org>",
            sender=parts.pop("sender", ADA),
            recipient=self.address,
            body=body,
            email=EmailParts(**parts),
        )
        [(channel_id,)] = self.stage.rows("SELECT id FROM channels WHERE provider = 'smtp'")
        organization_id = self.stage.business.organization_id
        async with self.stage.database.organization(organization_id) as transaction:
            await receive_message(
                transaction, received, channel_id=channel_id, received_at=self.stage.clock.now()
            )
        [(message_id,)] = self.stage.rows(
            "SELECT id FROM messages WHERE provider_message_id = %s", received.provider_message_id
        )
        return await self.stage.message(message_id)

    async def answer(self, conversation_id: Any, body: str) -> Message:
        """Answer in a conversation, and do the jobs."""
        organization_id = self.stage.business.organization_id
        async with self.stage.database.organization(organization_id) as transaction:
            message = await send_message(transaction, conversation_id, body=body)
        await self.stage.do_jobs()
        return await self.stage.message(message.id)

    def conversations(self) -> list[tuple[Any, ...]]:
        """Give each conversation with its subject, the first first."""
        return self.stage.rows("SELECT id, subject FROM conversations ORDER BY created_at, id")

    def sent(self) -> dict[str, Any]:
        """Give the newest mail of the business that the server has."""
        mails = self.sandbox.state()["mails"]
        found: dict[str, Any] = [one for one in mails if not one["is_from_client"]][-1]
        return found


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    """The plugin smtp enabled, on its sandbox, with a channel."""
    sandbox = SmtpSandbox(
        base_url="http://sandbox.test/smtp",
        host_url=stage.public_url,
        credentials=SmtpSandbox.new_credentials(),
    )
    await sandbox.start()
    address = sandbox.credentials["SMTP_FROM"]
    stage.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name, medium)"
        " VALUES (%s, gen_random_uuid(), 'smtp', %s, 'Front desk', 'email')",
        stage.business.organization_id,
        address,
    )
    registry = ProviderRegistry([plugin_of(SMTP)], sandbox.settings(), public_url=stage.public_url)
    async with registry as stage.registry:
        yield Desk(stage, sandbox, address)
    await sandbox.close()


async def test_an_email_is_kept_and_its_answer_goes_on_with_the_thread(desk: Desk) -> None:
    first = await desk.write(subject="Your hours", body="Hello!\n\nAre you open?\n\n-- \nAda")
    [(conversation_id, subject)] = desk.conversations()
    assert subject == "Your hours"
    [(kind, value)] = desk.stage.rows("SELECT kind, value FROM contact_points")
    assert (kind, value) == ("email", ADA)

    answer = await desk.answer(conversation_id, "Yes, until six.")
    assert answer.status is MessageStatus.SENT
    assert answer.email is not None
    assert answer.email.subject == "Re: Your hours"
    mail = desk.sent()
    assert (mail["subject"], mail["text"], mail["to"]) == ("Re: Your hours", "Yes, until six.", ADA)
    assert mail["references"] == [first]
    assert mail["message_id"] == answer.email.message_id == answer.provider_message_id

    desk.stage.clock.advance(60)
    quoted = f"Thank you.\n\nOn 29 Nov 2026, {desk.address} wrote:\n> Yes, until six."
    await desk.write(subject="Re: Your hours", body=quoted, answers=mail["message_id"])
    assert len(desk.conversations()) == 1
    organization_id = desk.stage.business.organization_id
    async with desk.stage.database.organization(organization_id) as transaction:
        thanks, _, question = await list_messages(transaction, conversation_id, after=None, most=10)
    assert thanks.body == "Thank you."
    assert thanks.email is not None
    assert thanks.email.quoted.endswith("> Yes, until six.")
    assert thanks.email.in_reply_to == mail["message_id"]
    assert question.body == "Hello!\n\nAre you open?"
    assert question.email is not None
    assert (question.email.quoted, question.email.sender) == ("-- \nAda", ADA)


async def test_a_bounce_marks_what_did_not_arrive(desk: Desk) -> None:
    await desk.write()
    [(conversation_id, _)] = desk.conversations()
    answer = await desk.answer(conversation_id, "Yes.")
    await desk.write("email.bounced")
    message = await desk.stage.message(answer.id)
    assert (message.status, message.error_code) == (MessageStatus.UNDELIVERED, "5.1.1")
    assert "no such user" in (message.error_detail or "")


async def test_an_address_that_is_none_fails_at_once(desk: Desk) -> None:
    await desk.write(**{"from": UNKNOWN_ADDRESS})
    [(conversation_id, _)] = desk.conversations()
    answer = await desk.answer(conversation_id, "Yes.")
    assert (answer.status, answer.error_code) == (MessageStatus.FAILED, "5.1.1")


async def test_the_same_mail_twice_is_one(desk: Desk) -> None:
    (event, _) = desk.sandbox.events()
    values = {one.name: one.default or "" for one in event.fields}
    (request,) = event.happen(values).requests
    for _ in range(3):
        await desk.stage.receive(request.url, request.body, request.headers)
    await desk.stage.do_jobs()
    assert (desk.stage.count("messages"), desk.stage.count("inbound_events")) == (1, 1)


async def test_what_a_mail_holds_is_kept_clean(desk: Desk) -> None:
    files = (
        Attachment(name="plan.pdf", content_type="application/pdf", content=b"%PDF\x00"),
        Attachment(name="note.txt", content_type="text/plain", content=b""),
    )
    html = '<p>Hi</p><img src="https://eve.example/seen.gif"><script>x()</script>'
    message = await desk.take(subject="Plan", html=html, attachments=files, is_automatic=True)
    assert message.email is not None
    assert message.email.html == "<p>Hi</p>"
    assert message.email.is_automatic
    plan, note = message.email.attachments
    assert (plan.name, plan.content_type, plan.size_bytes) == ("plan.pdf", "application/pdf", 5)
    assert note.is_kept
    organization_id = desk.stage.business.organization_id
    async with desk.stage.database.organization(organization_id) as transaction:
        assert await read_attachment(transaction, plan.id) == files[0]
        with pytest.raises(NotFound):
            await read_attachment(transaction, message.id)


async def test_of_a_file_that_is_too_large_the_name_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "LARGEST_BYTES", 3)
    file = Attachment(name="film.mp4", content_type="video/mp4", content=b"four")
    message = await desk.take(attachments=(file,))
    assert message.email is not None
    (kept,) = message.email.attachments
    assert (kept.name, kept.size_bytes, kept.is_kept) == ("film.mp4", 4, False)


async def test_of_a_book_the_first_pages_are_kept(desk: Desk) -> None:
    message = await desk.take("x" * 150_000 + "\n-- \n" + "y" * 150_000)
    assert message.email is not None
    assert (len(message.body), len(message.email.quoted)) == (100_000, 100_000)


async def test_threads_go_by_references_and_then_by_subject(desk: Desk) -> None:
    one = await desk.take(subject="Hours", message_id="<1@a>")
    other = await desk.take(subject="Prices", message_id="<2@a>")
    by_reference = await desk.take(
        subject="Something else", message_id="<3@a>", references=("<0@a>", "<1@a>")
    )
    from_elsewhere = await desk.take(
        sender="ada@work.example", message_id="<4@a>", in_reply_to="<3@a>"
    )
    by_subject = await desk.take(subject="AW: Prices", message_id="<5@a>")
    nameless = [await desk.take(subject="Hours") for _ in range(2)]
    in_one = {m.conversation_id for m in (one, by_reference, from_elsewhere, *nameless)}
    assert in_one == {one.conversation_id}
    assert by_subject.conversation_id == other.conversation_id
    assert len(desk.conversations()) == 2


async def test_an_old_subject_and_that_of_another_client_begin_anew(desk: Desk) -> None:
    await desk.take(subject="Hours", message_id="<1@a>")
    await desk.take(subject="Hours", message_id="<2@a>", sender="ben@example.org")
    assert len(desk.conversations()) == 2
    desk.stage.rows("UPDATE conversations SET last_message_at = now() - interval '31 days'")
    await desk.take(subject="Hours", message_id="<3@a>")
    assert len(desk.conversations()) == 3


async def test_who_answers_a_stranger_with_our_thread_sees_nothing_of_it(desk: Desk) -> None:
    """A reference leads to a conversation of the channel that it came in by, and to no other."""
    first = await desk.take(subject="Hours", message_id="<1@a>")
    desk.stage.rows("UPDATE conversations SET channel_id = %s", desk.stage.business.channel_id)
    second = await desk.take(subject="Hours", message_id="<2@a>", references=("<1@a>",))
    assert second.conversation_id != first.conversation_id


async def test_an_email_may_be_long_and_a_text_may_not(desk: Desk) -> None:
    await desk.write()
    [(conversation_id, _)] = desk.conversations()
    body = "A long answer. " * 1000
    answer = await desk.answer(conversation_id, body.strip())
    assert answer.status is MessageStatus.SENT
    assert desk.sent()["text"] == body.strip()
    assert answer.direction is Direction.OUT
    with pytest.raises(InvalidInput):
        await desk.answer(conversation_id, "x" * 100_001)
    text = await desk.stage.text_in()
    with pytest.raises(InvalidInput):
        await desk.answer(text, "x" * 1601)
