"""The items of the production deployment checklist, as ``catalogue.toml`` has them."""

import enum
import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Final

import attrs


class Proof(enum.StrEnum):
    """What can answer an item: a check, a test, a file that a test looks at, a signature."""

    CHECK = "C"
    TEST = "T"
    FILE = "F"
    SIGN_OFF = "S"


@attrs.frozen(kw_only=True)
class Item:
    """An item of the checklist.

    Attributes:
        id: such as ``ES4``; it never changes.
        section: the chapter that it stands in.
        group: the part of the chapter.
        words: its own, as the checklist has them.
        expected: what the running service is held to.
        proof: which kinds answer it: ``C+T`` both, ``C/S`` the first that can.
        plugin: only with this one enabled does it apply.
        same_as: the item whose answer it has.
        missing: what is not built yet, where it cannot be answered for that.
    """

    id: str
    section: str
    group: str
    words: str
    expected: str
    proof: str
    plugin: str | None = None
    same_as: str | None = None
    missing: str | None = None

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The kinds of proof, in their order."""
        return tuple(Proof(letter) for letter in self.proof.replace("/", "+").split("+"))

    @property
    def is_either(self) -> bool:
        """Whether the first proof that can answer is enough."""
        return "/" in self.proof

    @property
    def may_be_signed(self) -> bool:
        """Whether a person may answer for it."""
        return Proof.SIGN_OFF in self.proofs


_FILE: Final = resources.files("clientflow_host.checklist").joinpath("catalogue.toml")


@functools.cache
def load_catalogue() -> Mapping[str, Item]:
    """Give every item by its id, in the checklist's order."""
    found = tomllib.loads(_FILE.read_text("utf-8"))["item"]
    return {row["id"]: Item(**row) for row in found}
