"""Assistants that are broken in one way each, and the check that notices it."""

from typing import Final

from tests.scaffolds import Mutant, broken

_ANSWERS, _PROVIDER, _SANDBOX = "answers.py", "provider.py", "sandbox.py"
_DELTA: Final = "return TextDelta(text=read_delta(part))"
_ASK_ANSWER: Final = 'answer = await self._ask("POST", "/v1/answers", body=body)'
_YIELD: Final = "                yield part\n"
_DATA: Final = "data=_read_data(text, request.schema) if is_whole and request.schema else None"

MUTANTS: Final[list[Mutant]] = [
    # Answers
    broken("wordless", "assistant.answer-is-whole", _ANSWERS, "text=text,", 'text=" ",'),
    broken(
        "nameless",
        "assistant.answer-is-whole",
        _ANSWERS,
        'model=_words(answer, "model")',
        'model=""',
    ),
    broken(
        "alwayscut", "assistant.answer-is-whole", _ANSWERS, "is_whole=is_whole", "is_whole=False"
    ),
    broken(
        "freeanswers",
        "assistant.usage-is-counted",
        _ANSWERS,
        'output_tokens=int(usage["output"])',
        "output_tokens=0",
    ),
    broken(
        "flatrate",
        "assistant.usage-is-counted",
        _ANSWERS,
        'input_tokens=int(usage["input"])',
        "input_tokens=100",
    ),
    broken(
        "morecached",
        "assistant.usage-is-counted",
        _ANSWERS,
        'int(usage["cached"])',
        'int(usage["input"]) + 1',
    ),
    broken(
        "lastwords",
        "assistant.words-arrive-as-written",
        _ANSWERS,
        "for one in request.conversation\n",
        "for one in request.conversation[-1:]\n",
    ),
    broken(
        "plainletters",
        "assistant.words-arrive-as-written",
        _ANSWERS,
        '"text": one.text}',
        '"text": one.text.encode("ascii", "ignore").decode() or "?"}',
    ),
    broken(
        "backwards",
        "assistant.words-arrive-as-written",
        _ANSWERS,
        "for one in request.conversation\n",
        "for one in request.conversation[::-1]\n",
    ),
    broken(
        "obedient",
        "assistant.instructions-stay-apart",
        _ANSWERS,
        '"instructions": request.instructions',
        '"instructions": request.instructions + request.conversation[-1].text',
    ),
    broken(
        "uninstructed",
        "assistant.instructions-stay-apart",
        _ANSWERS,
        '"instructions": request.instructions',
        '"instructions": "Help."',
    ),
    broken(
        "anonymous",
        "assistant.end-user-is-told",
        _ANSWERS,
        '"end_user": request.end_user',
        '"end_user": None',
    ),
    broken(
        "alwayswhole",
        "assistant.cut-off-is-told",
        _ANSWERS,
        "is_whole=is_whole",
        "is_whole=True",
    ),
    broken(
        "talkative",
        "assistant.cut-off-is-told",
        _ANSWERS,
        '"most_tokens": request.most_output_tokens',
        '"most_tokens": request.most_output_tokens * 2',
    ),
    broken(
        "halfdata",
        "assistant.cut-off-is-told",
        _ANSWERS,
        _DATA,
        "data=text if request.schema else None",
    ),
    broken(
        "polite",
        "assistant.refusal-is-refused",
        _ANSWERS,
        'if ended == "refused":',
        'if ended == "refused" and request.schema:',
    ),
    broken(
        "guilty",
        "assistant.refusal-is-refused",
        _ANSWERS,
        "raise ProviderRefused(msg",
        'raise __import__("clientflow_core").AuthFailed(msg',
    ),
    broken(
        "refusallater",
        "assistant.refusal-is-refused",
        _ANSWERS,
        "raise ProviderRefused(msg",
        "raise ProviderUnavailable(msg",
    ),
    broken(
        "textonly",
        "assistant.data-fits-its-schema",
        _ANSWERS,
        _DATA,
        "data=None",
    ),
    broken(
        "unread",
        "assistant.data-fits-its-schema",
        _ANSWERS,
        "    return data\n",
        "    return text\n",
    ),
    broken(
        "anyform",
        "assistant.unfit-answer-is-unavailable",
        _ANSWERS,
        "is_fit = fits(data, schema)",
        "is_fit = True",
    ),
    broken(
        "unfitforgood",
        "assistant.unfit-answer-is-unavailable",
        _ANSWERS,
        "raise ProviderUnavailable(msg",
        "raise ProviderRefused(msg",
    ),
    broken(
        "hopeful",
        "assistant.no-money-is-not-too-fast",
        _PROVIDER,
        'frozenset({"insufficient_quota"})',
        "frozenset()",
    ),
    broken(
        "insists",
        "assistant.asks-once",
        _PROVIDER,
        _ASK_ANSWER,
        "try:\n"
        f"            {_ASK_ANSWER}\n"
        "        except ProviderUnavailable:\n"
        f"            {_ASK_ANSWER}",
    ),
    # Streams
    broken(
        "stutters",
        "stream.joins-to-the-answer",
        _PROVIDER,
        _DELTA,
        _DELTA.replace("part)", "part) * 2"),
    ),
    broken(
        "silent",
        "stream.joins-to-the-answer",
        _PROVIDER,
        _YIELD,
        "                if isinstance(part, Assistance):\n                    yield part\n",
    ),
    broken(
        "collects",
        "stream.comes-as-it-is-given",
        _PROVIDER,
        "async for line in response.content:",
        "for line in [line async for line in response.content]:",
    ),
    broken(
        "hearsout",
        "stream.stops-with-its-listener",
        _PROVIDER,
        _YIELD,
        "                try:\n"
        "                    yield part\n"
        "                except GeneratorExit:\n"
        "                    [line async for line in response.content]\n"
        "                    raise\n",
    ),
    broken(
        "defiant",
        "stream.stops-when-cancelled",
        _PROVIDER,
        "except (aiohttp.ClientError, TimeoutError, OSError) as error:",
        "except BaseException as error:",
    ),
    broken(
        "doubtful",
        "stream.cut-one-is-unavailable",
        _PROVIDER,
        "raise map_failure(error, is_change=False) from error",
        "raise map_failure(error, is_change=True) from error",
    ),
    # Abilities
    broken(
        "shuffled",
        "embeddings.one-each-in-order",
        _ANSWERS,
        "[vectors[index] for index in range(count)]",
        "list(vectors.values())",
    ),
    broken(
        "forgetful",
        "embeddings.one-each-in-order",
        _ANSWERS,
        "[vectors[index] for index in range(count)]",
        "[vectors[0]]",
    ),
    broken(
        "asksfornothing",
        "embeddings.none-of-nothing",
        _PROVIDER,
        '''            return []
        answer = await self._ask("POST", "/v1/embeddings"''',
        '''            pass
        answer = await self._ask("POST", "/v1/embeddings"''',
    ),
    broken(
        "lenient",
        "moderation.verdict-each-in-order",
        _ANSWERS,
        "is_flagged=bool(one)",
        "is_flagged=False",
    ),
    broken(
        "reasonless",
        "moderation.verdict-each-in-order",
        _ANSWERS,
        "categories=one)",
        "categories=frozenset())",
    ),
]
