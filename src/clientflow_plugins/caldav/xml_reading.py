"""Reads the XML of a server, which is not believed: no declarations, no entities, no depths."""

from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

_DEEPEST: Final = 64


class BadXml(ValueError):
    """Nobody should read it, or nobody can."""


class _Reading:
    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            msg = f"it is nested deeper than {_DEEPEST} elements"
            raise BadXml(msg)
        self._builder.start(_clark(name), attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_clark(name))

    def refuse(self, *_: object) -> None:
        # All that makes a small answer large, or reads a file of ours, begins here.
        msg = "it declares a document type"
        raise BadXml(msg)

    def read(self, body: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self._builder.data
        parser.StartDoctypeDeclHandler = self.refuse
        parser.Parse(body, True)  # noqa: FBT003 - it is positional there: this was all
        return self._builder.close()


def read_xml(body: bytes) -> Element:
    """Read a document; its elements are named ``{namespace}name``.

    Raises:
        BadXml: it is not well formed, declares a document type, or is nested too deep.
    """
    try:
        return _Reading().read(body)
    except (expat.ExpatError, AssertionError, LookupError, UnicodeError) as error:
        raise BadXml(str(error)) from error


def _clark(name: str) -> str:
    return f"{{{name}" if "}" in name else name
