"""Answer an e-mail that is piped in, in its thread, with ``pip install 'clientflow[smtp]'``.

export SMTP_HOST=smtp.example.com SMTP_USERNAME=... SMTP_PASSWORD=... SMTP_FROM=salon@example.com
python examples/answer_an_email.py "Yes, at three." < a_mail_that_was_saved.eml
"""

import argparse
import asyncio
import os
import sys

from clientflow_core import (
    ClientFlowError,
    EmailParts,
    OutboundMessage,
    ParsedEmail,
    ProviderRegistry,
    Receipt,
    new_id,
    next_references,
    parse_mime,
    reply_subject,
    split_reply,
)


async def answer(mail: ParsedEmail, recipient: str, body: str) -> Receipt:
    """Hand the answer to the mail server."""
    async with ProviderRegistry.from_values(os.environ, names=["smtp"]) as registry:
        channel = await registry.channel("smtp")
        return await channel.send(
            OutboundMessage(
                attempt_id=new_id(),
                sender=registry.addresses("smtp")[0],
                recipient=recipient,
                body=body,
                email=EmailParts(
                    subject=reply_subject(mail.email.subject),
                    in_reply_to=mail.email.message_id,
                    references=next_references(mail.email),
                ),
            )
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Answer the e-mail that is piped in.")
    parser.add_argument("body", help="the answer")
    arguments = parser.parse_args()
    mail = parse_mime(sys.stdin.buffer.read())
    # Two programs that answer each other never end.
    if mail.sender is None or mail.email.is_automatic:
        sys.exit("not answered: no person has written this")
    print(f"{mail.sender} writes: {split_reply(mail.text).text}")
    try:
        receipt = asyncio.run(answer(mail, mail.sender, arguments.body))
    except ClientFlowError as error:
        sys.exit(f"not answered: {error}")
    print(f"the mail server has the answer as {receipt.provider_message_id}")
