import time

import pytest

from clientflow_core.domain.email.html import LONGEST_HTML, clean_html, html_to_text

pytestmark = pytest.mark.proves("SD5")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<style>body{display:none}</style>",
        "<svg onload=alert(1)></svg>",
        '<iframe src="https://eve.example"></iframe>',
        '<img src="https://eve.example/seen.gif">',
        '<img src="cid:logo">',
        '<video poster="https://eve.example/x"></video>',
        '<link rel="stylesheet" href="https://eve.example/x.css">',
        '<form action="https://eve.example"><input name="password"></form>',
        '<base href="https://eve.example/">',
        '<meta http-equiv="refresh" content="0;url=https://eve.example">',
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1&gt;'>",
    ],
)
def test_what_runs_or_is_fetched_is_left_out(hostile: str) -> None:
    cleaned = clean_html(f"<p>before</p>{hostile}<p>after</p>")
    assert cleaned.startswith("<p>before</p>")
    for word in ("alert(1)", "eve.example", "<img", "<style", "<form", "<input", "display"):
        assert word not in cleaned


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (
            '<a href="https://example.com" onclick="x()" style="position:fixed" id="a">x</a>',
            (
                '<a href="https://example.com" target="_blank"'
                ' rel="noopener noreferrer nofollow">x</a>'
            ),
        ),
        (
            '<a href="javascript:alert(1)">x</a>',
            '<a target="_blank" rel="noopener noreferrer nofollow">x</a>',
        ),
        (
            '<a href="data:text/html,x">x</a>',
            '<a target="_blank" rel="noopener noreferrer nofollow">x</a>',
        ),
    ],
)
def test_links_lead_only_where_links_lead(link: str, expected: str) -> None:
    assert clean_html(link) == expected


def test_layout_of_letters_stays() -> None:
    letter = "<div><b>Hello</b><br>and <i>bye</i><ul><li>one</li></ul></div>"
    assert clean_html(letter) == letter


@pytest.mark.parametrize(
    "html",
    ["<div>" * 300_000, "<b>" * 4001, "x" * (LONGEST_HTML + 1), "<a " * 500_000, "<" * 1_000_000],
)
def test_too_much_is_not_looked_at(html: str) -> None:
    began = time.process_time()
    assert clean_html(html) == ""
    html_to_text(html)
    assert time.process_time() - began < 10


def test_words_of_html_stand_on_the_lines_that_people_see() -> None:
    html = """<html><head><title>Hi</title><style>p{}</style></head><body><p>Hello&nbsp;&amp;
    welcome</p><div>one<br>two</div><ul><li>three</li></ul><script>x()</script></body></html>"""
    assert html_to_text(html).splitlines() == ["Hello\u00a0& welcome", "one", "two", "three"]


def test_what_looks_like_a_tag_in_text_stays() -> None:
    assert html_to_text("<p>1 &lt; 2 and <b>&lt;b&gt;</b></p>") == "1 < 2 and <b>"
