"""What a provider may keep for an organization: small JSON documents, each with a version.

It is for what the provider must remember between calls, such as how far a sync has come, and not
for credentials: those are settings.
"""

import datetime as dt
import itertools
import json
import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.errors import EditConflict, FieldError, InvalidInput, PluginError

NEW: Final = 0
"""The version of what is not there yet."""
LONGEST_KEY: Final = 200
LARGEST_VALUE: Final = 64 * 1024
MOST_LISTED: Final = 1_000
_NUL: Final = "\\u0000"


@attrs.frozen(kw_only=True)
class Record:
    """A document.

    Attributes:
        key: its name in the collection.
        value: whatever JSON can say.
        version: a greater one after each change, also where it was deleted in between.
        updated_at: of the last change.
    """

    key: str
    value: Any
    version: int
    updated_at: dt.datetime


class Records(Protocol):
    """The documents of one provider for one organization, in collections.

    Names of collections and keys have 1 to 200 characters; a value has at most 64 KiB as JSON. Each
    method raises InvalidInput for others.
    """

    async def get(self, collection: str, key: str) -> Record | None:
        """Give a document; None if there is none."""
        ...

    async def put(
        self, collection: str, key: str, value: Any, *, if_version: int | None = None
    ) -> Record:
        """Write a document, in place of the one that is there.

        Args:
            collection: its name.
            key: of the document.
            value: the document.
            if_version: the one that must be there; 0 if none must be, None if that is all the same.

        Raises:
            EditConflict: another version is there, or none.
        """
        ...

    async def delete(self, collection: str, key: str, *, if_version: int | None = None) -> bool:
        """Take a document away; False if there was none.

        Raises:
            EditConflict: another version is there.
        """
        ...

    async def list(
        self, collection: str, *, prefix: str = "", after: str = "", most: int = 100
    ) -> Sequence[Record]:
        """List documents by their keys, character by character.

        Args:
            collection: its name.
            prefix: only those whose key begins with it.
            after: only those behind this key.
            most: 1 to 1000.
        """
        ...


class RecordStore(Protocol):
    """The documents of one provider, for every organization that it may serve."""

    def of(self, organization_id: uuid.UUID) -> Records:
        """Give those for one organization.

        Raises:
            PluginError: the provider was opened for another one.
        """
        ...


@attrs.frozen
class OnlyRecords:
    """The documents of a provider that was opened for one organization."""

    store: RecordStore
    organization_id: uuid.UUID

    def of(self, organization_id: uuid.UUID) -> Records:
        """Give those for the one organization.

        Raises:
            PluginError: it is another one.
        """
        if organization_id != self.organization_id:
            msg = "a provider that was opened for one organization asks for the records of another"
            raise PluginError(msg)
        return self.store.of(organization_id)


@attrs.define(eq=False)
class MemoryRecords:
    """Documents that end with the process, for library use and tests."""

    clock: Clock = attrs.field(factory=SystemClock)
    _kept: dict[tuple[str, str], Record] = attrs.field(factory=dict, init=False)
    _versions: "itertools.count[int]" = attrs.field(factory=lambda: itertools.count(1), init=False)

    async def get(self, collection: str, key: str) -> Record | None:
        """Give a document; None if there is none."""
        check_names(collection, key)
        return self._kept.get((collection, key))

    async def put(
        self, collection: str, key: str, value: Any, *, if_version: int | None = None
    ) -> Record:
        """Write a document; see :class:`Records`."""
        check_names(collection, key)
        text = to_json(value)
        kept = self._kept.get((collection, key))
        refuse_other_version(key, if_version, kept.version if kept else NEW)
        record = Record(
            key=key,
            value=json.loads(text),
            version=next(self._versions),
            updated_at=self.clock.now(),
        )
        self._kept[collection, key] = record
        return record

    async def delete(self, collection: str, key: str, *, if_version: int | None = None) -> bool:
        """Take a document away; see :class:`Records`."""
        check_names(collection, key)
        kept = self._kept.get((collection, key))
        if kept is None:
            return False
        refuse_other_version(key, if_version, kept.version)
        del self._kept[collection, key]
        return True

    async def list(
        self, collection: str, *, prefix: str = "", after: str = "", most: int = 100
    ) -> Sequence[Record]:
        """List documents by their keys; see :class:`Records`."""
        check_names(collection)
        check_most(most)
        found = sorted(
            key
            for kept_in, key in self._kept
            if kept_in == collection and key.startswith(prefix) and key > after
        )
        return [self._kept[collection, key] for key in found[:most]]

    def state(self) -> dict[str, dict[str, Any]]:
        """Give the documents by their collections and keys, as JSON."""
        found: dict[str, dict[str, Any]] = {}
        for (collection, key), record in self._kept.items():
            found.setdefault(collection, {})[key] = record.value
        return found


@attrs.define(eq=False)
class MemoryRecordStore:
    """Documents of every organization, which end with the process."""

    clock: Clock = attrs.field(factory=SystemClock)
    _organizations: dict[uuid.UUID, MemoryRecords] = attrs.field(factory=dict, init=False)

    def of(self, organization_id: uuid.UUID) -> MemoryRecords:
        """Give those for one organization."""
        return self._organizations.setdefault(organization_id, MemoryRecords(self.clock))

    def state(self) -> dict[str, Any]:
        """Give the documents by organization, as JSON."""
        return {str(whose): kept.state() for whose, kept in self._organizations.items()}

    def clear(self) -> None:
        """Forget everything."""
        self._organizations.clear()


def check_names(*names: str) -> None:
    """Make sure that *names* can be those of a collection or a document.

    Raises:
        InvalidInput: one cannot.
    """
    for name in names:
        if not 1 <= len(name) <= LONGEST_KEY or "\x00" in name:
            problem = f"must have 1 to {LONGEST_KEY} characters, none of them U+0000"
            raise InvalidInput("a record cannot be called so", [FieldError("key", problem)])


def check_most(most: int) -> None:
    """Make sure that *most* records can be listed at once.

    Raises:
        InvalidInput: they cannot.
    """
    if not 1 <= most <= MOST_LISTED:
        problem = f"must be 1 to {MOST_LISTED}"
        raise InvalidInput("so many records are not listed", [FieldError("most", problem)])


def to_json(value: Any) -> str:
    """Write *value* as it is kept.

    Raises:
        InvalidInput: JSON cannot say it, or it is too large.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = "a record holds what JSON can say"
        raise InvalidInput(msg, [FieldError("value", "is not JSON")]) from error
    if len(text) > LARGEST_VALUE or _NUL in text:
        problem = f"must have at most {LARGEST_VALUE} characters as JSON, none of them U+0000"
        raise InvalidInput("a record cannot hold this", [FieldError("value", problem)])
    return text


def refuse_other_version(key: str, wanted: int | None, there: int) -> None:
    """Make sure that the version that is *there* is the one that is *wanted*.

    Raises:
        EditConflict: it is not.
    """
    if wanted is not None and wanted != there:
        msg = f"the record {key!r} is of the version {there}, not {wanted}"
        raise EditConflict(msg)
