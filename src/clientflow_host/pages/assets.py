"""The pages' own files: named by what is in them, packed once, and kept by browsers for ever."""

import asyncio
import gzip
import hashlib
import re
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

import attrs
from aiohttp import hdrs, web

STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# Packed already.
_UNPACKABLE: Final = frozenset({".png"})
# The better first; the best of Brotli would take seconds for some hundredths less.
_CODINGS: Final = ("br", "gzip")
_BROTLI_QUALITY: Final = 9
_NOUGHT: Final = re.compile(r"q=0(\.0*)?")


@attrs.frozen(kw_only=True)
class Asset:
    """A file of the pages, as it is sent.

    Attributes:
        body: what is in it, packed or not.
        headers: sent with it.
    """

    body: bytes = attrs.field(repr=False)
    headers: dict[str, str]


@cache
def static_url(name: str) -> str:
    """Give the address of one of our files; it changes with what is in the file."""
    return f"/static/{_digest(name)}/{name}"


async def find_file(request: web.Request, *, name: str) -> web.Response | None:
    """Give one of our own files, which a browser may keep for ever; None if there is none.

    Args:
        request: for its :func:`static_url`.
        name: the last part of that.
    """
    file = STATIC / name
    if file.parent != STATIC or not file.is_file() or static_url(name) != request.path:
        return None
    coding = _coding_for(request)
    # Packing the largest takes half a second, once in a process.
    asset = await asyncio.to_thread(read_asset, name, coding)
    if request.headers.get(hdrs.IF_NONE_MATCH) == asset.headers[hdrs.ETAG]:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=asset.headers)
    return web.Response(body=asset.body, headers=asset.headers)


@cache
def read_asset(name: str, coding: str | None = None) -> Asset:
    """Read and pack a file of ours; what is given is kept for the next time.

    Args:
        name: the file's.
        coding: how it is packed, ``br`` or ``gzip``; what packing does not make shorter is not.
    """
    file = STATIC / name
    body = file.read_bytes()
    headers = {
        hdrs.CONTENT_TYPE: _TYPES[file.suffix],
        hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
        # Weak, since it is the same for every form.
        hdrs.ETAG: f'W/"{_digest(name)}"',
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        "X-Content-Type-Options": "nosniff",
    }
    if coding is None or file.suffix in _UNPACKABLE:
        return Asset(body=body, headers=headers)
    packed = _pack(body, coding)
    if len(packed) >= len(body):
        return Asset(body=body, headers=headers)
    return Asset(body=packed, headers=headers | {hdrs.CONTENT_ENCODING: coding})


def _pack(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        # With no time in it, every process packs alike.
        return gzip.compress(body, 9, mtime=0)
    # Only a process that serves files needs it.
    import brotli  # type: ignore[import-untyped]  # noqa: PLC0415

    packed: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
    return packed


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _coding_for(request: web.Request) -> str | None:
    """Give the best coding that the caller says it can unpack, and not with a weight of nought."""
    offered = request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(",")
    parts = (one.partition(";") for one in offered)
    taken = {name.strip() for name, _, weight in parts if not _NOUGHT.fullmatch(weight.strip())}
    return next((coding for coding in _CODINGS if coding in taken), None)
