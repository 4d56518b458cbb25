"""What somebody has written in an answer, told apart from what the mail program has put below.

Each line is looked at a few times at the most, and only its beginning and end: what is sent to us
may be anything, and the regular expressions of others need minutes for a page of it.
"""

import re
from collections.abc import Sequence
from typing import Final

import attrs

_LONGEST_ATTRIBUTION: Final = 400
_MOST_ATTRIBUTION_LINES: Final = 3
_LONGEST_SIGNATURE: Final = 12
_MOST_ROUNDS: Final = 4
# How "On Monday Ada wrote:" begins and ends, in the languages of mail programs.
_ATTRIBUTIONS: Final = (
    ("on ", " wrote"),
    ("am ", " schrieb"),
    ("le ", " a écrit"),
    ("el ", " escribió"),
    ("il ", " ha scritto"),
    ("op ", " schreef"),
)
_ORIGINALS: Final = frozenset(
    {"original message", "originalnachricht", "ursprüngliche nachricht", "message d'origine",
     "mensaje original", "messaggio originale", "oorspronkelijk bericht"}
)  # fmt: skip
_FORWARDS: Final = frozenset(
    {"forwarded message", "begin forwarded message:", "weitergeleitete nachricht",
     "message transféré", "anfang der weitergeleiteten nachricht:", "mensaje reenviado"}
)  # fmt: skip
_FROM: Final = ("from:", "von:", "de :", "de:", "da:", "van:")
_SENT: Final = (
    "sent:",
    "date:",
    "gesendet:",
    "datum:",
    "envoyé",
    "enviado",
    "inviato:",
    "verzonden:",
)
_TO: Final = (
    "to:",
    "an:",
    "à :",
    "à:",
    "para:",
    "a:",
    "aan:",
    "subject:",
    "betreff:",
    "objet",
    "asunto:",
)
_HEADER_LINES: Final = 6
_MOBILE: Final = (
    "sent from my ", "sent from mail for ", "sent from outlook", "get outlook for ",
    "gesendet von meinem ", "von meinem ", "envoyé de mon ", "enviado desde mi ", "inviato da ",
    "sent with ", "sent via ", "gesendet mit ", "gesendet von mail für ",
    "holen sie sich outlook für",
)  # fmt: skip
_LONGEST_MOBILE: Final = 80
_DASHES: Final = re.compile(r"[-_*=\u2013\u2014 \t]+")


@attrs.frozen
class SplitReply:
    """An answer in two.

    Attributes:
        text: what was written.
        rest: quoted text, signature and the like; empty where nothing was told apart.
    """

    text: str
    rest: str


def split_reply(text: str) -> SplitReply:
    """Tell apart what was written from what stands below it, in linear time.

    What is quoted between the lines of an answer stays, and so does all of a message that somebody
    passes on: without it nobody would understand the rest.

    Args:
        text: plain, of any length.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    cut = _begin_of_history(lines)
    for _ in range(_MOST_ROUNDS):
        before = cut
        cut = _above_quote(lines, _above_mobile(lines, _above_signature(lines, cut)))
        if cut == before:
            break
    written = "\n".join(lines[:cut]).strip()
    if not written:
        return SplitReply(text.strip(), "")
    return SplitReply(written, "\n".join(lines[cut:]).strip("\n"))


def _begin_of_history(lines: Sequence[str]) -> int:
    """Give the first line of a history that nobody has marked with ``>``, or else the end."""
    last_quoted = max((place for place, line in enumerate(lines) if _is_quoted(line)), default=-1)
    for place, line in enumerate(lines):
        words = _bare(line)
        if words in _FORWARDS:
            break
        if words in _ORIGINALS or _is_header_block(lines, place):
            return _above_rule(lines, place)
        if place > last_quoted and _attribution_length(lines, place):
            return place
    return len(lines)


def _bare(line: str) -> str:
    """Give a short line without the dashes around it, in small letters."""
    if len(line) > _LONGEST_ATTRIBUTION:
        return ""
    return _DASHES.sub(" ", line).strip().lower()


def _above_rule(lines: Sequence[str], place: int) -> int:
    """Take the line that Outlook draws above its block with it."""
    above = lines[place - 1].strip() if place else ""
    return place - 1 if above and not _DASHES.sub("", above) else place


def _is_header_block(lines: Sequence[str], place: int) -> bool:
    """Tell whether From, Sent and To or Subject follow each other, as Outlook writes them."""
    if not _begins(lines[place], _FROM):
        return False
    below = lines[place + 1 : place + _HEADER_LINES]
    return any(_begins(one, _SENT) for one in below) and any(_begins(one, _TO) for one in below)


def _begins(line: str, words: tuple[str, ...]) -> bool:
    return line[:40].lstrip(" \t*").lower().startswith(words)


def _attribution_length(lines: Sequence[str], place: int) -> int:
    """Give on how many lines "On Monday Ada wrote:" stands at *place*; 0 if it does not."""
    begin = lines[place][:40].lstrip().lower()
    if not any(begin.startswith(first) for first, _ in _ATTRIBUTIONS):
        return 0
    joined = ""
    for count, line in enumerate(lines[place : place + _MOST_ATTRIBUTION_LINES], 1):
        if len(joined) + len(line) > _LONGEST_ATTRIBUTION:
            return 0
        joined = f"{joined} {line.strip()}".strip()
        if _is_attribution(joined.lower()):
            return count
    return 0


def _is_attribution(joined: str) -> bool:
    # A date or an address stands in it; "On Monday she wrote:" may be somebody's own words.
    if not joined.endswith(":") or not any(one.isdigit() or one == "@" for one in joined):
        return False
    return any(joined.startswith(begin) and word in joined for begin, word in _ATTRIBUTIONS)


def _above_signature(lines: Sequence[str], cut: int) -> int:
    """Cut at the two dashes of RFC 3676, 4.3, where a signature's few lines follow."""
    for place in range(max(0, cut - _LONGEST_SIGNATURE), cut):
        if lines[place] in {"-- ", "--"}:
            return place
    return cut


def _above_mobile(lines: Sequence[str], cut: int) -> int:
    """Cut the line by which a telephone says that it is one."""
    end = _above_blanks(lines, cut)
    if not end:
        return cut
    last = lines[end - 1].strip()
    is_mobile = len(last) <= _LONGEST_MOBILE and last.lower().startswith(_MOBILE)
    return end - 1 if is_mobile else cut


def _above_quote(lines: Sequence[str], cut: int) -> int:
    """Cut what is quoted at the end, and the line that says who wrote it."""
    place = _above_blanks(lines, cut)
    if not place or not _is_quoted(lines[place - 1]):
        return cut
    while place and (_is_quoted(lines[place - 1]) or not lines[place - 1].strip()):
        place -= 1
    for begin in range(max(0, place - _MOST_ATTRIBUTION_LINES), place):
        if begin + _attribution_length(lines, begin) == place:
            return begin
    return place


def _above_blanks(lines: Sequence[str], cut: int) -> int:
    while cut and not lines[cut - 1].strip():
        cut -= 1
    return cut


def _is_quoted(line: str) -> bool:
    return line[:1] == ">"
