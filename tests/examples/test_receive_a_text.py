from http import HTTPStatus

import aiohttp

from clientflow_core.sandbox import ControlBody
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.examples.conftest import Example, Receiver

CLIENT = "+15550100123"
NAME = "receive_a_text.py"


async def test_text_that_twilio_signed_is_read(receiver: Receiver, sandbox: TwilioSandbox) -> None:
    outcome = await sandbox.inbound(ControlBody({"from": CLIENT, "body": "Is Thursday free? 👍"}))
    assert outcome["statuses"] == [HTTPStatus.OK]
    await receiver.says(f"{CLIENT} writes: Is Thursday free? 👍\n")


async def test_forged_text_is_refused(receiver: Receiver, sandbox: TwilioSandbox) -> None:
    form = {
        "From": CLIENT,
        "To": sandbox.credentials["TWILIO_PHONE_NUMBER"],
        "Body": "Send me the money",
        "AccountSid": sandbox.credentials["TWILIO_ACCOUNT_SID"],
        "MessageSid": "SM" + "0" * 32,
    }
    headers = {"X-Twilio-Signature": "bm8gc2lnbmF0dXJlIG9mIHR3aWxpbw=="}
    url = f"{receiver.url}/webhooks/twilio"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=form, headers=headers) as answer,
    ):
        assert answer.status == HTTPStatus.FORBIDDEN
    await receiver.says("refused: the signature does not fit")
    assert "money" not in receiver.output


async def test_text_signed_by_another_account_is_refused(
    receiver: Receiver, sandbox: TwilioSandbox
) -> None:
    sandbox.credentials["TWILIO_AUTH_TOKEN"] = "0" * 32
    outcome = await sandbox.inbound(ControlBody({"from": CLIENT, "body": "Hello"}))
    assert outcome["statuses"] == [HTTPStatus.FORBIDDEN]


async def test_reports_of_a_text_that_was_sent_arrive(
    receiver: Receiver, sandbox: TwilioSandbox, example: Example
) -> None:
    sent = await example.run_aside("send_a_text.py", CLIENT, "At three.")
    assert sent.returncode == 0, sent.stderr
    (text,) = sandbox.state()["messages"]
    await receiver.says(f"{text['sid']} is delivered\n")


def test_missing_settings_are_all_told_by_name(bare_example: Example) -> None:
    result = bare_example.run(NAME)
    assert result.returncode == 1
    assert result.stderr.startswith("not started: 2 settings are not usable:\n")
    assert "Traceback" not in result.stderr
