"""Send one text through Twilio, with nothing but ``pip install 'clientflow[twilio]'``.

export TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN=... TWILIO_PHONE_NUMBER=+1...
python examples/send_a_text.py +15550100123 "See you on Thursday at three."
"""

import argparse
import asyncio
import os
import sys

from clientflow_core import ClientFlowError, OutboundMessage, ProviderRegistry, Receipt, new_id

# Where receive_a_text.py is reached, to be told there how far the text has come; may be missing.
PUBLIC_URL = os.environ.get("CLIENTFLOW_PUBLIC_URL")


async def send(recipient: str, body: str) -> Receipt:
    """Hand a text to Twilio."""
    registry = ProviderRegistry.from_values(os.environ, names=["twilio"], public_url=PUBLIC_URL)
    async with registry:
        channel = await registry.channel("twilio")
        sender = registry.addresses("twilio")[0]
        return await channel.send(
            OutboundMessage(attempt_id=new_id(), sender=sender, recipient=recipient, body=body)
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Send one text through Twilio.")
    parser.add_argument("recipient", help="a telephone number, such as +15550100123")
    parser.add_argument("body", help="the text")
    arguments = parser.parse_args()
    try:
        receipt = asyncio.run(send(arguments.recipient, arguments.body))
    except ClientFlowError as error:
        sys.exit(f"not sent: {error}")
    print(f"Twilio has it as {receipt.provider_message_id}; segments: {receipt.segments}")
