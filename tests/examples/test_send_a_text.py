import attrs

from clientflow_plugins.twilio.sandbox import BLOCKED_NUMBER, TwilioSandbox
from tests.examples.conftest import Example

CLIENT = "+15550100123"
NAME = "send_a_text.py"


async def test_text_is_sent_with_nothing_else_installed(
    example: Example, sandbox: TwilioSandbox
) -> None:
    result = await example.run_aside(NAME, CLIENT, "See you at three? 👍")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    (text,) = sandbox.state()["messages"]
    assert (text["to"], text["body"]) == (CLIENT, "See you at three? 👍")
    assert text["from"] == sandbox.credentials["TWILIO_PHONE_NUMBER"]
    assert result.stdout == f"Twilio has it as {text['sid']}; segments: 1\n"


async def test_text_that_is_refused_says_why(example: Example) -> None:
    result = await example.run_aside(NAME, BLOCKED_NUMBER, "Hello?")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("not sent: ")
    assert "unsubscribed" in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_settings_are_all_told_by_name(bare_example: Example) -> None:
    result = bare_example.run(NAME, CLIENT, "Hello?")
    assert result.returncode == 1
    assert result.stderr.startswith("not sent: 2 settings are not usable:\n")
    assert "TWILIO_ACCOUNT_SID: is not set" in result.stderr
    assert "TWILIO_AUTH_TOKEN: is not set" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_sdk_is_told_with_what_installs_it(example: Example) -> None:
    without = attrs.evolve(example, blocked=example.blocked | {"twilio"})
    result = without.run(NAME, CLIENT, "Hello?")
    assert result.returncode == 1
    assert "clientflow[twilio]" in result.stderr
    assert "Traceback" not in result.stderr


def test_usage_is_told(bare_example: Example) -> None:
    result = bare_example.run(NAME)
    assert result.returncode == 2
    assert "recipient" in result.stderr
