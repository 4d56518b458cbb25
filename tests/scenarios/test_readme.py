"""What the README tells a newcomer to type, typed."""

import json
import re
import subprocess
from pathlib import Path

from tests.scenarios.conftest import Service

README = Path(__file__).parents[2] / "README.md"


async def test_the_story_of_the_readme_can_be_typed(running: Service) -> None:
    _, write, look, answer = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    api_key = running.http.headers["Authorization"].removeprefix("Bearer ")

    def type_in(commands: str) -> str:
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env={"URL": running.url, "SANDBOX": running.sandbox_url, "API_KEY": api_key}
            | {"PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert json.loads(type_in(write))["statuses"] == [200]
    conversation = await running.conversation("+14155550123")
    assert json.loads(type_in(look))["data"][0]["last_body"] == "Is Thursday free?"
    assert "Yes, at three." in type_in(answer)
    (sent, _) = await running.messages(conversation["id"])
    await running.message_in_state(sent["id"], "delivered")
    assert await running.texts_to("+14155550123") == ["Yes, at three."]
