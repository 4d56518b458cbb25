"""HTML of strangers: what may be shown of it, and what it says as text."""

import html as entities
import re
from typing import Final

LONGEST_HTML: Final = 200_000
"""How many letters of HTML are looked at, and no more than four thousand elements.

nh3 0.3.8 takes time by the square of how deep they are nested and how many attributes one has: half
a minute for 60000 elements, and still a second for this much.
"""
_MOST_ELEMENTS: Final = 4000
_ELEMENT: Final = re.compile(r"<[A-Za-z]")
_TAG: Final = re.compile(r"<[^<>]*>")
# Nothing that is fetched by itself: pictures would tell the sender who reads when and where.
_TAGS: Final = frozenset(
    {
        "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1",
        "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "q", "s", "small",
        "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u",
        "ul",
    }
)  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "ol": {"start"}}
_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
_LEFT_OUT: Final = frozenset({"script", "style", "title", "head", "template", "noscript"})
_BLANKS: Final = re.compile(r"[ \t\r\n\f]+")
_ENDS_A_LINE: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote)\b", re.IGNORECASE)
_ENDS_A_BLOCK: Final = re.compile(r"<p\b", re.IGNORECASE)


def clean_html(html: str) -> str:
    """Give *html* without what runs, what is fetched by itself, and what looks like our own page.

    Links stay, to the web, to addresses and to telephones; they tell nobody where they were. Of
    what is too much to be looked at nothing is left.
    """
    if not _is_moderate(html):
        return ""
    # Only here: it is a library of its own, which texts do not need.
    import nh3  # noqa: PLC0415

    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_LEFT_OUT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def html_to_text(html: str) -> str:
    """Give the words of *html*, with the lines that people see."""
    flat = _BLANKS.sub(" ", html)
    lines = _ENDS_A_LINE.sub(r"\n\g<0>", _ENDS_A_BLOCK.sub(r"\n\g<0>", flat))
    words = entities.unescape(_without_tags(lines))
    stripped = [" ".join(line.split(" ")).strip() for line in words.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(stripped)).strip()


def _without_tags(html: str) -> str:
    if not _is_moderate(html):
        # Shown as text alone: nobody is harmed by what is left of scripts.
        return _TAG.sub("", html)
    # Only here, as above.
    import nh3  # noqa: PLC0415

    return nh3.clean(html, tags=set(), clean_content_tags=set(_LEFT_OUT))


def _is_moderate(html: str) -> bool:
    return len(html) <= LONGEST_HTML and len(_ELEMENT.findall(html)) <= _MOST_ELEMENTS
