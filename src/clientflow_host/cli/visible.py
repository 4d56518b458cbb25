"""Text of others for a terminal: what it could do to the terminal is shown, and not done."""

import unicodedata
from typing import Final

# They join and part letters and emoji, and do nothing else.
_JOINERS: Final = frozenset("\u200c\u200d")
_LINES: Final = frozenset("\n\t")
# Control characters, what reorders or hides text, halves of surrogate pairs, other line ends.
_ACTING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str, *, keeps_lines: bool = False) -> str:
    r"""Write what acts on a terminal as an escape, such as ``\x1b``; all else stays as it is.

    Args:
        text: anything.
        keeps_lines: line feeds and tabs are left in.
    """
    if text.isprintable():
        return text
    kept = _JOINERS | _LINES if keeps_lines else _JOINERS
    return "".join(letter if _is_harmless(letter, kept) else _escaped(letter) for letter in text)


def _is_harmless(letter: str, kept: frozenset[str]) -> bool:
    return letter in kept or unicodedata.category(letter) not in _ACTING


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
