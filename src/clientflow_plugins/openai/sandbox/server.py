"""The stand-in itself: one project with a key, some models and some money."""

import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.sandbox import (
    Exchange,
    Exchanges,
    Occurrence,
    ProviderSandbox,
    SandboxEvent,
)
from clientflow_core.sandbox.control import Handler
from clientflow_plugins.openai.sandbox.drafting import Draft, draft_answer, last_words
from clientflow_plugins.openai.sandbox.fields import Field, check_choice, check_fields, read_object
from clientflow_plugins.openai.sandbox.questions import (
    Question,
    read_chat_question,
    read_response_question,
)
from clientflow_plugins.openai.sandbox.refusals import (
    Refusal,
    invalid,
    no_money,
    strange_key,
    trouble,
    unknown_model,
)
from clientflow_plugins.openai.sandbox.resources import (
    ALL_MODELS,
    EMBEDDING_MODELS,
    MODELS,
    completion_resource,
    count_input,
    embeddings_resource,
    model_resource,
    moderation_resource,
    response_resource,
)
from clientflow_plugins.openai.sandbox.streams import (
    EventStream,
    completion_chunks,
    response_events,
)
from clientflow_plugins.openai.settings import MODERATION_MODEL

ORGANIZATION: Final = "clientflow-sandbox"
_EMBEDDING: Final[Mapping[str, Field]] = {
    "model": Field(type=str, is_required=True),
    "input": Field(type=list, is_required=True),
    "encoding_format": Field(type=str),
}
_MODERATION: Final[Mapping[str, Field]] = {
    "model": Field(type=str, is_required=True),
    "input": Field(type=list, is_required=True),
}
_MOST_TEXTS: Final = 2048


class OpenAISandbox(ProviderSandbox):
    """One project of an account; see :class:`ProviderSandbox` for the rest.

    Attributes:
        step_seconds: how long it thinks of each word of a stream.
    """

    name: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI"
    thing: ClassVar[str] = "question"

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
        step_seconds: float = 0.005,
    ) -> None:
        super().__init__(base_url=base_url, host_url=host_url, credentials=credentials, clock=clock)
        self.step_seconds = step_seconds
        self._requests: list[dict[str, Any]] = []
        self._exchanges: list[Exchange] = []
        self._has_money = True

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make a project with a key."""
        return {"OPENAI_API_KEY": f"sk-proj-{secrets.token_urlsafe(36)}"}

    @override
    def settings(self) -> dict[str, str]:
        """Give the key, and where the API is."""
        return self.credentials | {"OPENAI_BASE_URL": f"{self.base_url}/v1"}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give what the plugin calls."""
        return (
            web.get("/v1/models", self._guarded(self._list_models)),
            web.get("/v1/models/{model}", self._guarded(self._get_model)),
            web.post("/v1/responses", self._guarded(self._respond)),
            web.post("/v1/chat/completions", self._guarded(self._complete)),
            web.post("/v1/embeddings", self._guarded(self._embed)),
            web.post("/v1/moderations", self._guarded(self._moderate)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give OpenAI's JSON for *status*."""
        return trouble(status).as_response()

    @override
    def state(self) -> dict[str, Any]:
        """Give what was asked, as it came, and what was answered in words."""
        return {
            "requests": list(self._requests),
            "answers": [one.answer for one in self._exchanges],
            "has_money": self._has_money,
        }

    @override
    def clear(self) -> None:
        """Forget what was asked, and have money again."""
        self._requests.clear()
        self._exchanges.clear()
        self._has_money = True

    @override
    def panel(self) -> Exchanges:
        """Give what was asked, and answered in words."""
        return Exchanges(exchanges=list(self._exchanges))

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give what becomes of the account; OpenAI tells nobody by a webhook."""
        summary = "The account has no money left, until the sandbox is reset."
        return (
            SandboxEvent(name="quota-used", summary=summary, fields=(), happen=self._use_quota),
        )

    def _use_quota(self, _: Mapping[str, str]) -> Occurrence:
        self._has_money = False
        return Occurrence(requests=(), facts={"has_money": False})

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                response = await handler(request)
            except Refusal as refusal:
                response = refusal.as_response()
            response.headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
            return response

        return answer

    def _authenticate(self, request: web.Request) -> None:
        expected = f"Bearer {self.credentials['OPENAI_API_KEY']}"
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected.encode()):
            raise strange_key()
        if not self._has_money and request.method == "POST":
            raise no_money()

    async def _list_models(self, _: web.Request) -> web.StreamResponse:
        data = [model_resource(model) for model in ALL_MODELS]
        headers = {"openai-organization": ORGANIZATION}
        return web.json_response({"object": "list", "data": data}, headers=headers)

    async def _get_model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        if model not in ALL_MODELS:
            raise unknown_model(model)
        return web.json_response(model_resource(model))

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        body = read_object(await request.read())
        question = read_response_question(body, MODELS)
        draft = draft_answer(question)
        self._note(body, question, draft)
        id_, at = f"resp_{secrets.token_hex(24)}", self._now()
        ended = response_resource(id_, body, question, at=at, draft=draft)
        if not question.is_stream:
            return web.json_response(ended)
        begun = response_resource(id_, body, question, at=at, draft=None)
        events = response_events(begun, ended, draft)
        return EventStream(events, step_seconds=self.step_seconds)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = read_object(await request.read())
        question = read_chat_question(body, MODELS)
        draft = draft_answer(question)
        self._note(body, question, draft)
        id_, at = f"chatcmpl-{secrets.token_hex(16)}", self._now()
        if not question.is_stream:
            return web.json_response(completion_resource(id_, question, draft, at=at))
        chunks = completion_chunks(id_, question, draft, at=at)
        return EventStream(chunks, step_seconds=self.step_seconds, end="data: [DONE]\n\n")

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = read_object(await request.read())
        check_fields(body, _EMBEDDING)
        if body["model"] not in EMBEDDING_MODELS:
            raise unknown_model(body["model"])
        form = body.get("encoding_format", "float")
        check_choice(form, {"float", "base64"}, param="encoding_format")
        texts = _read_texts(body["input"])
        self._requests.append(body)
        is_base64 = form == "base64"
        return web.json_response(
            embeddings_resource(texts, model=body["model"], is_base64=is_base64)
        )

    async def _moderate(self, request: web.Request) -> web.StreamResponse:
        body = read_object(await request.read())
        check_fields(body, _MODERATION)
        if body["model"] != MODERATION_MODEL:
            raise unknown_model(body["model"])
        texts = _read_texts(body["input"])
        self._requests.append(body)
        return web.json_response(moderation_resource(f"modr-{secrets.token_hex(12)}", texts))

    def _note(self, body: dict[str, Any], question: Question, draft: Draft) -> None:
        self._requests.append(body)
        took = f"{count_input(question)} tokens in, {len(draft.pieces)} out"
        self._exchanges.append(
            Exchange(
                id=str(len(self._exchanges) + 1),
                asked=f"“{last_words(question)}”",
                answer=draft.text,
                at=self.clock.now(),
                note=f"{question.model}: {'refused' if draft.is_refused else took}",
            )
        )

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


def _read_texts(given: list[Any]) -> list[str]:
    if not given or len(given) > _MOST_TEXTS:
        raise invalid(f"'input' takes 1 to {_MOST_TEXTS} texts.", param="input")
    for place, text in enumerate(given):
        if not isinstance(text, str) or not text:
            raise invalid("Expected a string that is not empty.", param=f"input[{place}]")
    return list(given)
