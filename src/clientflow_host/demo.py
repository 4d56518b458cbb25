"""The stories that `clientflow demo` plays on what `up` runs, as a client and a business would."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import aiohttp

from clientflow_core.errors import ClientFlowError
from clientflow_host.state import UpNote

_STEP_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_QUESTION: Final = "Do you have Thursday 3 pm for a boiler check?"
_ANSWER: Final = "Thursday 3 pm works. See you then!"
T = TypeVar("T")


class StoryFailed(ClientFlowError):
    """A step of `clientflow demo` did not go as it should."""

    code = "story_failed"
    remedy = "Look at the logs of the service; it says which step it was."


async def play_text_and_answer(note: UpNote) -> AsyncIterator[str]:
    """A client texts, the business answers: give a sentence for each thing that has happened.

    Raises:
        StoryFailed: a step did not happen in time, or something else did.
    """
    if note.sandbox_url is None or "TWILIO_PHONE_NUMBER" not in note.settings:
        msg = "the story texts through the sandbox of Twilio, and here Twilio is the real one"
        raise StoryFailed(msg)
    headers = {"Authorization": f"Bearer {note.api_key}"}
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            async for line in _Story(http, note).play():
                yield line
    except (aiohttp.ClientError, TimeoutError) as error:
        msg = f"{note.url} does not answer ({type(error).__name__}): is `clientflow up` running?"
        raise StoryFailed(msg) from error


class _Story:
    def __init__(self, http: aiohttp.ClientSession, note: UpNote) -> None:
        self._http = http
        self._api = f"{note.url}/api/v1"
        self._sandbox = f"{note.sandbox_url}/twilio/_control"
        self._business = note.settings["TWILIO_PHONE_NUMBER"]
        # So many that nobody is met twice.
        self._client = f"+1{200 + secrets.randbelow(700)}555{secrets.randbelow(10_000):04d}"

    async def play(self) -> AsyncIterator[str]:
        text = {"from": self._client, "to": self._business, "body": _QUESTION, "times": 2}
        posted = await self._post(f"{self._sandbox}/inbound", text)
        yield (
            f"{self._client} texts {self._business}: “{_QUESTION}”; the provider posts it twice"
            f" and is answered {' and '.join(map(str, posted['statuses']))}"
        )
        begun = time.monotonic()
        conversation = await self._wait("the text in a conversation", self._find_conversation)
        messages = await self._get(f"{self._api}/conversations/{conversation['id']}/messages")
        _require([m["body"] for m in messages["data"]] == [_QUESTION], "the text is there once")
        waited = 1000 * (time.monotonic() - begun)
        yield f"it is in the conversation {conversation['id']}, once, after {waited:.0f} ms"
        sent = await self._post(
            f"{self._api}/conversations/{conversation['id']}/messages", {"body": _ANSWER}
        )
        yield f"the business answers: “{_ANSWER}”; it is {sent['status']} as {sent['id']}"
        message = await self._wait(
            "the answer to be delivered", lambda: self._delivered(sent["id"])
        )
        yield (
            f"the provider took it as {message['provider_message_id']} and reported it"
            f" {message['status']}"
        )
        state = await self._get(f"{self._sandbox}/state")
        arrived = [m for m in state["messages"] if m["to"] == self._client]
        _require([m["body"] for m in arrived] == [_ANSWER], "the client has the answer once")
        yield f"{self._client} has the answer on the telephone, once"

    async def _find_conversation(self) -> Mapping[str, Any] | None:
        listed = await self._get(f"{self._api}/conversations?limit=100")
        found = (one for one in listed["data"] if one["address"] == self._client)
        return next(found, None)

    async def _delivered(self, message_id: str) -> Mapping[str, Any] | None:
        message = await self._get(f"{self._api}/messages/{message_id}")
        return message if message["status"] == "delivered" else None

    async def _wait(self, what: str, look: Callable[[], Awaitable[T | None]]) -> T:
        deadline = time.monotonic() + _STEP_SECONDS
        while (found := await look()) is None:
            if time.monotonic() > deadline:
                msg = f"waited {_STEP_SECONDS:.0f} s in vain for {what}; see `clientflow jobs list`"
                raise StoryFailed(msg)
            await asyncio.sleep(_POLL_SECONDS)
        return found

    async def _get(self, url: str) -> Any:
        async with self._http.get(url) as answer:
            return await _read(answer)

    async def _post(self, url: str, body: Mapping[str, object]) -> Any:
        async with self._http.post(url, json=body) as answer:
            return await _read(answer)


async def _read(answer: aiohttp.ClientResponse) -> Any:
    if not answer.ok:
        msg = f"{answer.url} answered {answer.status}: {(await answer.text())[:500]}"
        raise StoryFailed(msg)
    return await answer.json()


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        msg = f"it should be that {what}, and is not"
        raise StoryFailed(msg)
