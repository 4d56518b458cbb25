import time
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.email.mime import MOST_PARTS, clean_file_name, parse_mime
from clientflow_core.domain.email.parts import Attachment

pytestmark = pytest.mark.proves("TI3")

HEAD = (
    b"From: =?iso-8859-1?q?Andr=E9?= <Andre@Example.com>\r\n"
    b"To: Salon <salon@example.com>, other@example.com\r\nCc: salon@example.com\r\n"
    b"Subject: =?utf-8?b?w5xiZXI=?= =?utf-8?q?_Donnerstag?=\r\n"
    b"Message-ID: <1@example.com>\r\nIn-Reply-To: <0@example.com>\r\n"
    b"References: <a@example.com>\r\n <b@example.com>\r\n"
)


def test_headers_and_text_of_a_plain_mail() -> None:
    mail = parse_mime(HEAD + b"\r\nHello\r\nthere\r\n")
    assert (mail.sender, mail.email.sender_name) == ("andre@example.com", "André")
    assert mail.recipients == ("salon@example.com", "other@example.com")
    assert mail.text == "Hello\nthere\n"
    assert mail.email.subject == "Über Donnerstag"
    assert mail.email.message_id == "<1@example.com>"
    assert mail.email.in_reply_to == "<0@example.com>"
    assert mail.email.references == ("<a@example.com>", "<b@example.com>")
    assert not mail.email.attachments
    assert mail.bounce is None


def test_all_that_the_standard_library_writes_is_read() -> None:
    written = EmailMessage()
    written["From"], written["To"] = "Ada <ada@example.com>", "salon@example.com"
    written["Reply-To"] = "ada@work.example"
    written.set_content("Grüße 👍")
    written.add_alternative("<p>Grüße</p>", subtype="html")
    written.add_attachment(b"%PDF\x00\xff", maintype="application", subtype="pdf", filename="ä.pdf")
    written.add_attachment("eins\n", filename="note.txt")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("passed on")
    written.add_attachment(inner)
    mail = parse_mime(written.as_bytes())
    assert mail.text == "Grüße 👍\n"
    assert mail.email.html == "<p>Grüße</p>\n"
    assert mail.email.reply_to == "ada@work.example"
    pdf, note, passed_on = mail.email.attachments
    assert pdf == Attachment(name="ä.pdf", content_type="application/pdf", content=b"%PDF\x00\xff")
    assert (note.name, note.content) == ("note.txt", b"eins\n")
    assert (passed_on.name, passed_on.content_type) == ("message.eml", "message/rfc822")
    assert b"passed on" in passed_on.content


def part(headers: str, body: bytes) -> bytes:
    """Give a mail of one part."""
    return headers.encode() + b"\n\n" + body


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (part("Content-Type: text/plain; charset=iso-8859-15", "5 €".encode("iso-8859-15")), "5 €"),
        (part('Content-Type: text/plain; charset="Windows-1251"', "да".encode("cp1251")), "да"),
        (part("Content-Type: text/plain; charset=gb2312", "中文".encode("gb18030")), "中文"),
        (
            part("Content-Type: text/plain; charset=iso-2022-jp", "日本".encode("iso2022_jp")),
            "日本",
        ),
        # A wrong one, an unknown one, none, and codecs of Python's own that are no charsets.
        (part("Content-Type: text/plain; charset=utf-8", b"caf\xe9"), "café"),
        (part("Content-Type: text/plain; charset=iso-8859-1", "naïve".encode()), "naïve"),
        (part("Content-Type: text/plain; charset=klingon", "é".encode()), "é"),
        (part("Content-Type: text/plain", b"\x93quoted\x94"), "“quoted”"),
        (part("Content-Type: text/plain; charset=unicode-escape", b"\\ud800"), "?"),
        (part("Content-Type: text/plain; charset=zlib", b"plain"), "plain"),
        (part("Content-Type: text/plain; charset*=utf-8''utf-8", "é".encode()), "é"),
        (part("Content-Type: ;;;", b"hello"), "hello"),
        (part("Content-Transfer-Encoding: quoted-printable", b"a=E2=82=AC=\nb=ZZ="), "a€b=ZZ"),
        (part("Content-Transfer-Encoding: BASE64", b"aGVs\nbG8"), "hello"),
        (part("Content-Transfer-Encoding: base64", b"a!G?V:sbG8="), "hello"),
        (part("Content-Transfer-Encoding: base64", b"="), ""),
        (part("Content-Transfer-Encoding: x-unknown", b"hello"), "hello"),
        (b"no headers at all\n\nonly text", "no headers at all\n\nonly text"),
        (b"\nonly text", "only text"),
        (b"Subject: x", ""),
        (b"", ""),
        (b"\x00\xff\xfe", "ÿþ"),
    ],
)
def test_text_is_read_whatever_its_sender_calls_it(raw: bytes, text: str) -> None:
    assert parse_mime(raw).text == text


def test_html_alone_is_read_as_text() -> None:
    mail = parse_mime(part("Content-Type: text/html", b"<p>Hello<br>there</p>"))
    assert mail.text == "Hello\nthere"
    assert mail.email.html == "<p>Hello<br>there</p>"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="plan.txt"', "plan.txt"),
        ("attachment; filename*=utf-8''pl%C3%A4ne.txt", "pläne.txt"),
        ('attachment; filename*0="a long "; filename*1="name.txt"', "a long name.txt"),
        ("attachment; filename*0*=utf-8''a%20; filename*1*=b.txt", "a b.txt"),
        ('attachment; filename="=?utf-8?q?pl=C3=A4ne=2Etxt?="', "pläne.txt"),
        ('attachment; filename="pläne.txt"', "pläne.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\plan.txt"', "plan.txt"),
        ('attachment; filename="a\u202etxt.exe"', "atxt.exe"),
        ('attachment; filename=".."', "attachment"),
        ("attachment; filename*=klingon''plan.txt", "plan.txt"),
        ("attachment; filename*1=b; filename*x=a", "b"),
        ("attachment", "attachment"),
        ('inline; filename="' + "x" * 500 + '.txt"', "x" * 116 + ".txt"),
    ],
)
def test_names_of_files_are_only_names(disposition: str, name: str) -> None:
    (file,) = parse_mime(part(f"Content-Disposition: {disposition}", b"x")).email.attachments
    assert file.name == name
    assert clean_file_name(name) == name


def nested(depth: int) -> bytes:
    """Give multiparts within multiparts."""
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        for level in range(depth)
    )
    return opened + b"\ndeep down"


def test_parts_within_parts_are_found_to_a_depth() -> None:
    assert parse_mime(nested(10)).text == "deep down"
    assert parse_mime(nested(10_000)).text == ""


def test_a_boundary_within_a_line_is_none_and_the_epilogue_no_part() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\n\npreamble\n--x\n\none --x two\n"
        b"--xy\n--x \n\nthree\n--x--\nepilogue"
    )
    assert parse_mime(raw).text == "one --x two\n--xy\nthree"


def test_of_ten_thousand_parts_the_first_ones_are_read() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\npart\n" * 10_000
    assert 0 < parse_mime(raw).text.count("part") <= MOST_PARTS


def test_a_multipart_without_parts_is_kept_as_a_file() -> None:
    (file,) = parse_mime(part("Content-Type: multipart/mixed; boundary=x", b"x")).email.attachments
    assert file.content == b"x"


MEGABYTE = 2**20
HOSTILE = {
    "lines": b"A: b\n\n" + b"\n" * 10 * MEGABYTE,
    "headers": b"A: b\n" * 2 * MEGABYTE,
    "boundaries": b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 2 * MEGABYTE,
    "elements": b"Content-Type: text/html\n\n" + b"<div>" * 200_000,
    "words": b"Subject: " + b"=?x?q?" * 20_000 + b"\n\n",
    "comments": b"From: " + b"(" * 100_000 + b"\n\n",
    "quotes": b"From: " + b'"' * 100_001 + b"\n\n",
    "addresses": b"To: " + b"a@example.com," * 20_000 + b"\n\n",
    "parameters": b"Content-Type: text/plain" + b';a="' * 80_000 + b"\n\n",
    "base64": b"Content-Transfer-Encoding: base64\n\n" + b"AAAA\n" * 2 * MEGABYTE,
    "references": b"References: " + b"<a@b>" * 100_000 + b"\n\n",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_as_the_mail_does(raw: bytes) -> None:
    began = time.process_time()
    parse_mime(raw)
    assert time.process_time() - began < 10


@settings(max_examples=50)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [
                    b"Content-Type: multipart/mixed; boundary=x\r\n", b"\r\n", b"--x\r\n", b"--x--",
                    b"Content-Disposition: attachment; filename*0*=", b"Subject: =?utf-8?b?",
                    b"Content-Transfer-Encoding: base64\r\n", b"From: ", b"To: \"", b"<", b">",
                    b"Content-Type: multipart/report\r\n", b"Content-Type: text/html; charset=",
                    b"Content-Type: message/rfc822\r\n", b"References: <a@b>\r\n",
                ]
            ),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_nothing_raises_and_all_of_it_can_be_stored(pieces: list[bytes]) -> None:
    mail = parse_mime(b"".join(pieces))
    words = [mail.text, mail.email.subject, mail.email.html or "", mail.email.sender_name or ""]
    words += [file.name for file in mail.email.attachments]
    words += [mail.email.message_id or "", *mail.email.references, mail.sender or ""]
    assert "\x00" not in "".join(words).encode().decode()
    assert not any(letter in mail.email.subject for letter in "\r\n")
