"""The steps of the smoke test, in the order in which a client and a business would take them."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import attrs

from clientflow_host.smoke.results import StepEnded, missing, skip
from clientflow_host.smoke.target import Answer, Caller, Stage, wait_for
from clientflow_host.smoke_settings import API_KEY_ENV, EMAIL_ENV, PASSWORD_ENV

_LOGS: Final = "Look at the log of `clientflow serve`."
_FORGED: Final = {
    "Content-Type": "application/json",
    "X-Twilio-Signature": "bm9ib2R5",
    "Stripe-Signature": "t=1,v1=00",
}
_REFUSED: Final = frozenset({400, 401, 403})
_NO_STAGE: Final = (
    "there is no stand-in of a provider here, and a client who does not exist would stay in the"
    " organization"
)
_TRY_UP: Final = "Try it on `clientflow up`, whose providers are stand-ins."


def _fictional_number() -> str:
    """Give a number out of those that no telephone has: 555-0100 to 555-0199."""
    return f"+1{200 + secrets.randbelow(700)}55501{secrets.randbelow(100):02d}"


@attrs.define(eq=False)
class Smoke:
    """A run: whom it asks, and what it has made so far.

    Attributes:
        caller: asks the service.
        release: that answers there.
        client: whose number nobody has, since it is one for fiction.
        contact_id: of the contact that was made.
        conversation: that the client's text has opened.
        answered: how the service has answered the text, each time that it came.
    """

    caller: Caller
    release: str = ""
    client: str = attrs.field(factory=_fictional_number)
    words: str = attrs.field(factory=lambda: f"Smoke test {secrets.token_hex(4)}")
    contact_id: str | None = None
    conversation: Mapping[str, Any] | None = None
    answered: Sequence[int] = ()

    def require_key(self) -> None:
        """Skip the step where there is no API key."""
        if self.caller.target.api_key is None:
            raise skip("there is no API key to ask with", hint=f"Set {API_KEY_ENV}.")

    def require_stage(self) -> Stage:
        """Skip the step where there is no stand-in beside the service."""
        if self.caller.target.stage is None:
            raise skip(_NO_STAGE, hint=_TRY_UP)
        return self.caller.target.stage


Run = Callable[[Smoke], Awaitable[str]]


@attrs.frozen
class Step:
    """A step: what it tries, which item of the checklist it is part of, and how it is done.

    What is done gives a sentence on what it has found, or raises.
    """

    name: str
    item: str
    run: Run


async def ask_health(smoke: Smoke) -> str:
    """See whether the service answers at all."""
    answer = await smoke.caller.ask("GET", "/health")
    smoke.release = answer.headers.get("X-Release", "")
    answer.require(HTTPStatus.OK, hint="Is `clientflow serve` running, and the proxy before it?")
    return f"release {smoke.release or 'not told'}"


async def ask_ready(smoke: Smoke) -> str:
    """See whether it has what it needs."""
    hint = f"{smoke.caller.target.url}/ready says what is missing."
    answer = await smoke.caller.ask("GET", "/ready")
    body = answer.require(HTTPStatus.OK, hint=hint).body
    checks = body.get("checks", {}) if isinstance(body, dict) else {}
    wrong = [f"{name}: {state}" for name, state in checks.items() if state != "ok"]
    return "; ".join(wrong) or "everything is ok"


async def create_contact(smoke: Smoke) -> str:
    """Add a contact."""
    smoke.require_key()
    new = {"phone": smoke.client, "name": "Smoke test"}
    answer = await smoke.caller.call("POST", "/contacts", json=new)
    hint = "Is the key good, and has it the role member at least?"
    smoke.contact_id = str(answer.require(HTTPStatus.CREATED, hint=hint).body["id"])
    return smoke.contact_id


async def read_contact(smoke: Smoke) -> str:
    """Read it again."""
    path = _contact_path(smoke)
    body = (await smoke.caller.call("GET", path)).require(HTTPStatus.OK, hint=_LOGS).body
    if smoke.client not in str(body):
        raise StepEnded("another contact than the one that was made", hint=_LOGS)
    return "as it was made"


async def delete_contact(smoke: Smoke) -> str:
    """Take it away again, where that can be done."""
    path = _contact_path(smoke)
    published = await smoke.caller.published()
    if "delete" not in published.get("/api/v1/contacts/{contact_id}", {}):
        raise missing("a contact cannot be deleted; that of this test stays")
    answer = await smoke.caller.call("DELETE", path)
    answer.require(HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, hint=_LOGS)
    return "it is gone"


async def manage_deal(smoke: Smoke) -> str:
    """Nothing yet."""
    raise missing("there are no deals")


async def sign_in(smoke: Smoke) -> str:
    """Sign in as a person does, and open the inbox."""
    target, ask = smoke.caller.target, smoke.caller.ask
    if target.email is None or target.password is None:
        raise skip("nobody is named who could sign in", hint=f"Set {EMAIL_ENV} and {PASSWORD_ENV}.")
    form = {"email": target.email, "password": target.password.reveal()}
    answer = await ask("POST", "/sign-in", data=form)
    answer.require(HTTPStatus.SEE_OTHER, hint="Are the e-mail and the password right?")
    hint = (
        "The session is not kept: is the service reached by the address in CLIENTFLOW_PUBLIC_URL?"
    )
    (await ask("GET", "/inbox")).require(HTTPStatus.OK, hint=hint)
    return "the inbox opens"


async def sign_out(smoke: Smoke) -> str:
    """Sign out, and see that the session is not good any more."""
    if smoke.caller.target.email is None:
        raise skip("nobody has signed in", hint="The step before says why.")
    (await smoke.caller.ask("POST", "/sign-out")).require(HTTPStatus.SEE_OTHER, hint=_LOGS)
    answer = await smoke.caller.ask("GET", "/inbox")
    answer.require(HTTPStatus.SEE_OTHER, hint="The inbox opens though nobody is signed in.")
    return "the session is over"


async def sign_up(smoke: Smoke) -> str:
    """Nothing yet."""
    raise missing("nobody can sign up, and there is no second factor")


async def receive_webhook(smoke: Smoke) -> str:
    """Have the stand-in send a text of a client, signed, and the very same once more."""
    stage = smoke.require_stage()
    text = {"from": smoke.client, "to": stage.number, "body": smoke.words, "times": 2}
    answer = await smoke.caller.ask("POST", f"{stage.control_url}/inbound", json=text)
    answer.require(HTTPStatus.OK, hint="Look at the log of `clientflow sandbox`.")
    smoke.answered = answer.body["statuses"]
    if smoke.answered[0] != HTTPStatus.OK:
        raise StepEnded(f"it was answered {smoke.answered[0]}", hint=_LOGS)
    smoke.conversation = await wait_for(lambda: _find_conversation(smoke))
    return f"it is in the conversation {smoke.conversation['id']}"


async def repeat_webhook(smoke: Smoke) -> str:
    """See that the second had no effect."""
    conversation = _require_conversation(smoke)
    if list(smoke.answered) != [HTTPStatus.OK, HTTPStatus.OK]:
        raise StepEnded(f"they were answered {list(smoke.answered)}", hint=_LOGS)
    answer = await smoke.caller.call("GET", f"/conversations/{conversation['id']}/messages")
    found = [one["body"] for one in answer.require(HTTPStatus.OK, hint=_LOGS).body["data"]]
    if found != [smoke.words]:
        raise StepEnded(f"the conversation holds {len(found)} messages", hint=_LOGS)
    return "both were taken, and the text is there once"


async def forge_webhook(smoke: Smoke) -> str:
    """See that every webhook refuses what nobody has signed."""
    published = await smoke.caller.published()
    paths = [path for path in published if path.startswith("/webhooks/") and "{" not in path]
    if not paths:
        raise skip("no provider is enabled that calls us", hint=_TRY_UP)
    answers = [await _forge(smoke, path) for path in paths]
    taken = [f"{one.url} answered {one.status}" for one in answers if one.status not in _REFUSED]
    if taken:
        raise StepEnded("; ".join(taken), hint="A plugin takes what nobody has signed: disable it.")
    return f"refused at {len(paths)} addresses"


async def send_message(smoke: Smoke) -> str:
    """Answer the client, by the stand-in, and wait until the answer is delivered."""
    smoke.require_stage()
    path = f"/conversations/{_require_conversation(smoke)['id']}/messages"
    answer = await smoke.caller.call("POST", path, json={"body": f"{smoke.words}, answered"})
    sent = answer.require(HTTPStatus.CREATED, HTTPStatus.ACCEPTED, hint=_LOGS).body["id"]
    await wait_for(lambda: _delivered(smoke, sent))
    return f"{sent} was delivered"


STEPS: Final = (
    Step("health", "TS1", ask_health),
    Step("readiness", "TS1", ask_ready),
    Step("sign in", "TS5", sign_in),
    Step("sign out", "TS5", sign_out),
    Step("sign up, second factor", "TS5", sign_up),
    Step("create a contact", "TS2", create_contact),
    Step("read the contact", "TS2", read_contact),
    Step("delete the contact", "TS2", delete_contact),
    Step("manage a deal", "TS3", manage_deal),
    Step("webhook, signed", "TS6", receive_webhook),
    Step("webhook, once more", "TS6", repeat_webhook),
    Step("webhook, forged", "TS6", forge_webhook),
    Step("send a message", "TS4", send_message),
)


def _contact_path(smoke: Smoke) -> str:
    if smoke.contact_id is None:
        raise skip("there is no contact", hint="The step that makes one says why.")
    return f"/contacts/{smoke.contact_id}"


def _require_conversation(smoke: Smoke) -> Mapping[str, Any]:
    if smoke.conversation is None:
        raise skip("there is no conversation", hint="The step of the signed webhook says why.")
    return smoke.conversation


async def _find_conversation(smoke: Smoke) -> Mapping[str, Any] | None:
    answer = await smoke.caller.call("GET", "/conversations?limit=100")
    listed = answer.require(HTTPStatus.OK, hint=_LOGS).body["data"]
    return next((one for one in listed if one["address"] == smoke.client), None)


async def _delivered(smoke: Smoke, message_id: str) -> bool | None:
    answer = await smoke.caller.call("GET", f"/messages/{message_id}")
    state = answer.require(HTTPStatus.OK, hint=_LOGS).body["status"]
    if state in {"failed", "undelivered", "dead"}:
        raise StepEnded(f"{message_id} is {state}", hint="Look at the log of `clientflow worker`.")
    return True if state == "delivered" else None


async def _forge(smoke: Smoke, path: str) -> Answer:
    return await smoke.caller.ask("POST", path, data=b"{}", headers=_FORGED)
