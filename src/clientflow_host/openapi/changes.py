"""What a caller of the API, written for an older document, would stumble over in a newer one."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def breaking_changes(old: Json, new: Json) -> Iterator[str]:
    """Give each change from *old* to *new* that callers notice without having done anything.

    An operation or a field of an answer that is gone; something that must be sent and need not
    have been; a type that is another.
    """
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{where} is gone"
            else:
                yield from _in_operation(where, old, new, operation, now)


def _in_operation(where: str, old: Json, new: Json, was: Json, now: Json) -> Iterator[str]:
    for name in sorted(_required_parameters(new, now) - _required_parameters(old, was)):
        yield f"{where}: {name} must be given now"
    pairs = _Pairs(old, new)
    yield from pairs.compare(_body(was), _body(now), where=f"{where} takes", is_sent=True)
    for status, answer in was["responses"].items():
        then = now["responses"].get(status)
        if status.startswith("2") and then is None:
            yield f"{where} does not answer {status} any more"
        elif status.startswith("2"):
            yield from pairs.compare(
                _body(answer), _body(then), where=f"{where} gives", is_sent=False
            )


class _Pairs:
    """Compares schemas of two documents, each pair of names once."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str, bool]] = set()

    def compare(self, was: Json, now: Json, *, where: str, is_sent: bool) -> Iterator[str]:
        names = (was.get("$ref", ""), now.get("$ref", ""), is_sent)
        if names in self._seen:
            return
        if names[0]:
            self._seen.add(names)
        was, now = _resolve(self._old, was), _resolve(self._new, now)
        if was.get("type") != now.get("type"):
            yield f"{where} {now.get('type')}, not {was.get('type')}"
        if is_sent:
            for name in sorted(set(now.get("required", ())) - set(was.get("required", ()))):
                yield f"{where} {name}, which must be given now"
        yield from self._compare_parts(was, now, where=where, is_sent=is_sent)

    def _compare_parts(self, was: Json, now: Json, *, where: str, is_sent: bool) -> Iterator[str]:
        properties = now.get("properties", {})
        for name, schema in was.get("properties", {}).items():
            if name not in properties:
                yield f"{where} {name} no more"
            else:
                yield from self.compare(
                    schema, properties[name], where=f"{where} {name}:", is_sent=is_sent
                )
        if "items" in was and "items" in now:
            yield from self.compare(was["items"], now["items"], where=where, is_sent=is_sent)


def _required_parameters(document: Json, operation: Json) -> set[str]:
    found = (_resolve(document, one) for one in operation.get("parameters", ()))
    return {one["name"] for one in found if one.get("required")}


def _body(holder: Json) -> Json:
    content = holder.get("requestBody", holder).get("content", {})
    schema: Json = content.get("application/json", {}).get("schema", {})
    return schema


def _resolve(document: Json, node: Json) -> Json:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
