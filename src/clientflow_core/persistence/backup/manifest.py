"""What is written beside a backup: what must be in it, and by what a damaged one is known."""

import datetime as dt
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs
import cattrs

from clientflow_core.errors import BackupUnusable

_FORMAT: Final = 1
_converter: Final = cattrs.Converter(forbid_extra_keys=True)
_converter.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
_converter.register_structure_hook(dt.datetime, lambda text, _: dt.datetime.fromisoformat(text))


@attrs.frozen(kw_only=True)
class Manifest:
    """What a backup holds.

    Attributes:
        release: of ClientFlow, which took it.
        revision: of the schema.
        server_version: the major version of the PostgreSQL that it is of.
        program_version: that of the pg_dump that wrote it.
        taken_at: the moment of its snapshot.
        owners: the roles that own what is in it.
        roles: every other role that may do anything with it.
        rows: how many each table has in the snapshot.
        bytes: how long the file is.
        sha256: of the file.
    """

    format: int = _FORMAT
    release: str
    revision: str
    server_version: int
    program_version: int
    taken_at: dt.datetime
    owners: tuple[str, ...]
    roles: tuple[str, ...]
    rows: Mapping[str, int]
    bytes: int
    sha256: str


def manifest_of(file: Path) -> Path:
    """Give where the manifest of the backup *file* is."""
    return file.with_name(f"{file.name}.json")


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write it beside the backup *file*, whole or not at all, for this user only."""
    target = manifest_of(file)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(_converter.unstructure(manifest), stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def read_manifest(file: Path) -> Manifest:
    """Read what the backup *file* must hold, and make sure that it is as it was written.

    Raises:
        BackupUnusable: it is not there, damaged, cut off, or of another release's form.
    """
    manifest = _read(manifest_of(file))
    try:
        size = file.stat().st_size
        digest = digest_of(file) if size == manifest.bytes else ""
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}"
        raise BackupUnusable(msg) from error
    if size != manifest.bytes:
        how = "cut off" if size < manifest.bytes else "not the file that was written"
        msg = f"{file} is {how}: it has {size} bytes, and had {manifest.bytes}"
        raise BackupUnusable(msg)
    if digest != manifest.sha256:
        msg = f"{file} is damaged: its SHA-256 is not that of the file that was written"
        raise BackupUnusable(msg)
    return manifest


def digest_of(file: Path) -> str:
    """Give the SHA-256 of *file*."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read(path: Path) -> Manifest:
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        msg = f"{path} cannot be read: {reason}; it belongs to the backup, beside it"
        raise BackupUnusable(msg) from error
    try:
        found = _converter.structure(json.loads(text), Manifest)
    except Exception as error:
        msg = f"{path} is damaged, or was not written by this program"
        raise BackupUnusable(msg) from error
    if found.format != _FORMAT:
        msg = f"{path} is of the form {found.format}, this release knows {_FORMAT}: use a newer one"
        raise BackupUnusable(msg)
    return found
