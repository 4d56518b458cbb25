"""What the public sees, as a browser and a search engine get it from the running service."""

import datetime as dt
import html
import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext, Run
from clientflow_host.edge_settings import CORS_ORIGINS_ENV
from clientflow_host.site_settings import (
    API_BASE_URL_ENV,
    LEGAL_DIR_ENV,
    POSTHOG_KEY_ENV,
    PUBLIC_PREFIX,
    SITE_VERIFICATION_ENV,
    SUPPORT_EMAIL_ENV,
)

LEGAL: Final = ("terms", "privacy", "dpa", "cookies")
PUBLIC_PAGES: Final = ("/", "/api/docs", *(f"/legal/{slug}" for slug in LEGAL), "/problems")
# Of the home page with all that it loads, as it is sent.
MOST_PAGE_BYTES: Final = 100_000
# What is smaller is no shorter when packed.
_LEAST_PACKED_BYTES: Final = 1024
_MARK: Final = re.compile(r"<mark>\[([^\]]*)\]</mark>")
_ASSET: Final = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_LOCATION: Final = re.compile(r"<loc>([^<]*)</loc>")
_PUBLIC_SETTINGS: Final = re.compile(r'id="public-settings">([^<]*)</script>')
_HTML: Final = {"Accept": "text/html"}
_AGREED: Final = {"Cookie": "cookie_choice=all; visitor=checklist"}
_BEHIND: Final = "Look at what stands between: a proxy must hand the answer on as it is."
_RESTART: Final = "Restart `clientflow serve` with the settings that this command has."


@attrs.frozen
class _Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def connects_to(self) -> Sequence[str]:
        """Where scripts of the page may connect to."""
        directives = [part.split() for part in self.header("Content-Security-Policy").split(";")]
        return next((words[1:] for words in directives if words[:1] == ["connect-src"]), ())


async def _get(context: HostCheckContext, path: str, **headers: str) -> _Answer:
    wanted = _HTML | {name.replace("_", "-"): value for name, value in headers.items()}
    url = context.url + path
    async with context.http.get(url, headers=wanted, allow_redirects=False) as answer:
        return _Answer(answer.status, answer.headers, await answer.text(errors="replace"))


def _unfinished(context: HostCheckContext, found: str, *, expected: str, hint: str) -> CheckResult:
    """Say that the operator has something to set, once others than this machine are served."""
    if context.is_local:
        return skipped(f"only this machine is served; {found}", expected=expected, hint=hint)
    return failed(found, expected=expected, hint=hint)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def check_home_page(context: HostCheckContext) -> CheckResult:
    """Ask for the home page, and of which release it is."""
    expected = f"{context.url}/ answers 200, of release {context.release}"
    answer = await _get(context, "/")
    release = answer.header("X-Release") or "none that is named"
    found = f"{answer.status}, of release {release}"
    if answer.status == HTTPStatus.OK and release == context.release:
        return passed(
            f"{found}; the host makes the pages itself, without Vercel", expected=expected
        )
    hint = "Run `clientflow serve` of this release at that address; the pages need no other host."
    return failed(found, expected=expected, hint=hint)


async def check_public_settings(context: HostCheckContext) -> CheckResult:
    """Compare the public settings that pages show with those that are set here."""
    wanted = {
        name: value for name, value in context.values.items() if name.startswith(PUBLIC_PREFIX)
    }
    expected = f"pages show each {PUBLIC_PREFIX}… setting that is set"
    if not wanted:
        hint = "Set those that scripts of your pages need; none is needed otherwise."
        return skipped("none is set", expected=expected, hint=hint)
    shown = _shown_settings(await _get(context, "/"))
    other = sorted(name for name, value in wanted.items() if shown.get(name) != value)
    if not other:
        return passed(f"{', '.join(sorted(wanted))}", expected=expected)
    hint = (
        f"{_RESTART} If a name is still not shown, nothing reads it: correct its spelling, enable"
        " the plugin that it belongs to, or take it away."
    )
    return failed(
        f"not shown, or with another value: {', '.join(other)}", expected=expected, hint=hint
    )


def _shown_settings(page: _Answer) -> Mapping[str, str]:
    found = _PUBLIC_SETTINGS.search(page.text)
    shown: Mapping[str, str] = json.loads(found[1]) if found else {}
    return shown


async def check_posthog(context: HostCheckContext) -> CheckResult:
    """Look whether PostHog is reached after consent, and not before."""
    site = context.settings.site
    expected = "pages may reach PostHog after consent, and not before"
    if site.posthog_key is None:
        hint = f"Set {POSTHOG_KEY_ENV} if visits shall be counted."
        return skipped("not set: nothing is counted", expected=expected, hint=hint)
    before, after = await _get(context, "/"), await _get(context, "/", **_AGREED)
    origin = site.posthog_origin
    if origin in before.connects_to or "/analytics.js" in before.text:
        return failed("it is reached without consent", expected=expected, hint=_BEHIND)
    if origin not in after.connects_to or "/analytics.js" not in after.text:
        found = f"after consent, pages do not reach {origin}"
        return failed(found, expected=expected, hint=f"{_RESTART} {_BEHIND}")
    return passed(f"{origin}, only after consent", expected=expected)


async def check_api_base_url(context: HostCheckContext) -> CheckResult:
    """Look whether scripts of our pages may call the API where it is said to be."""
    base = context.settings.site.api_base_url
    expected = f"{API_BASE_URL_ENV} is https, and may be called by scripts of the pages"
    if base is None:
        hint = f"Set {API_BASE_URL_ENV} if the API is elsewhere than the pages."
        return skipped("not set: the API is where the pages are", expected=expected, hint=hint)
    if not base.startswith("https://") and not context.is_local:
        hint = f"Set {API_BASE_URL_ENV} to an address that begins with https://."
        return failed("it is not https", expected=expected, hint=hint)
    origin, ours = _origin(base), _origin(context.settings.url)
    if origin == ours:
        return passed(f"{origin}, where the pages are", expected=expected)
    if origin not in (await _get(context, "/")).connects_to:
        found = f"the pages' Content-Security-Policy does not let scripts reach {origin}"
        return failed(found, expected=expected, hint=f"{_RESTART} {_BEHIND}")
    return await _check_cross_origin(context, base.rstrip("/"), ours, expected=expected)


async def _check_cross_origin(
    context: HostCheckContext, base: str, ours: str, *, expected: str
) -> CheckResult:
    asks = {
        "Origin": ours,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with context.http.options(f"{base}/api/v1/contacts", headers=asks) as answer:
        allowed = answer.headers.get("Access-Control-Allow-Origin", "nobody")
    if allowed == ours:
        return passed(f"{base}, which lets {ours} call it", expected=expected)
    hint = f"Put {ours} into {CORS_ORIGINS_ENV} of what serves {base}, then restart it."
    return failed(f"{base} lets {allowed} call it, not {ours}", expected=expected, hint=hint)


async def check_assets(context: HostCheckContext) -> CheckResult:
    """Load the home page with all that it names, as a browser does, and weigh it."""
    expected = (
        "files with a hash in their address, kept for ever, packed, and with the home page at most"
        f" {MOST_PAGE_BYTES // 1000} kB"
    )
    page = await _get(context, "/")
    weight, wrong = len(page.text.encode()), list[str]()
    for path in sorted(set(_ASSET.findall(page.text))):
        url = context.url + path
        asks = {"Accept-Encoding": "gzip"}
        async with context.http.get(url, headers=asks, auto_decompress=False) as answer:
            body = await answer.read()
            weight += len(body)
            problem = _asset_problem(answer.status, answer.headers, len(body))
        wrong += [f"{path} {problem}"] if problem else []
    if weight > MOST_PAGE_BYTES:
        wrong.append(f"together {weight // 1000} kB")
    if wrong:
        return failed("; ".join(wrong), expected=expected, hint=_BEHIND)
    return passed(f"{weight // 1000} kB", expected=expected)


def _asset_problem(status: int, headers: Mapping[str, str], length: int) -> str | None:
    if status != HTTPStatus.OK:
        return f"answers {status}"
    if "immutable" not in headers.get("Cache-Control", ""):
        return "is not kept by browsers"
    is_packed = headers.get("Content-Encoding") in {"gzip", "br", "zstd"}
    is_text = not headers.get("Content-Type", "").startswith("image/png")
    return None if is_packed or not is_text or length < _LEAST_PACKED_BYTES else "is not packed"


def _check_legal(slug: str) -> Run:
    async def check(context: HostCheckContext) -> CheckResult:
        """Read a legal page, and look for it on the pages that must lead to it."""
        path = f"/legal/{slug}"
        expected = f"{path} is filled in, and every page leads to it"
        page = await _get(context, path)
        if page.status != HTTPStatus.OK:
            return failed(f"{path} answers {page.status}", expected=expected, hint=_BEHIND)
        for where in ("/", "/sign-in", "/nothing"):
            if f'href="{path}"' not in (await _get(context, where)).text:
                found = f"no link to {path} at {where}"
                return failed(found, expected=expected, hint=_BEHIND)
        if left := sorted(set(_MARK.findall(page.text))):
            return _unfilled(context, slug, left, expected=expected)
        if slug == "dpa" and (problem := await _agreement_problem(context)):
            return failed(problem, expected=expected, hint=_RESTART)
        hint = "It is in force only when a lawyer has read it."
        return passed("filled in, and linked", expected=expected, hint=hint)

    return check


def _unfilled(
    context: HostCheckContext, slug: str, left: Sequence[str], *, expected: str
) -> CheckResult:
    hint = (
        "Set CLIENTFLOW_COMPANY_NAME, CLIENTFLOW_COMPANY_ADDRESS, CLIENTFLOW_COMPANY_LAW,"
        f" CLIENTFLOW_PRIVACY_EMAIL, {SUPPORT_EMAIL_ENV} and CLIENTFLOW_LEGAL_DATE, or put your"
        f" own {slug}.md into the folder {LEGAL_DIR_ENV}; then restart `clientflow serve`."
    )
    found = f"still to be filled in: {', '.join(left)}"
    return _unfinished(context, found, expected=expected, hint=hint)


async def _agreement_problem(context: HostCheckContext) -> str | None:
    file = await _get(context, "/legal/dpa.md")
    if file.status != HTTPStatus.OK or "attachment" not in file.header("Content-Disposition"):
        return "the agreement cannot be downloaded at /legal/dpa.md"
    specs = [enabled.spec for enabled in context.registry.providers.values()]
    outside = {spec.title for spec in specs if not spec.is_local}
    lacking = sorted(title for title in outside if title not in file.text.replace("\\", ""))
    return f"sub-processors are not listed: {', '.join(lacking)}" if lacking else None


async def check_sitemap(context: HostCheckContext) -> CheckResult:
    """Read the sitemap, and open each page that it names."""
    url = context.settings.url
    expected = f"/sitemap.xml lists the public pages below {url}, and each can be opened"
    answer = await _get(context, "/sitemap.xml")
    if context.is_local and answer.status == HTTPStatus.OK:
        hint = "Set CLIENTFLOW_PUBLIC_URL to the address that the world knows."
        return skipped("only this machine is served", expected=expected, hint=hint)
    listed = [html.unescape(found) for found in _LOCATION.findall(answer.text)]
    missing = sorted({url + path for path in PUBLIC_PAGES} - {*listed})
    if missing:
        hint = f"Is CLIENTFLOW_PUBLIC_URL the address that the world knows? {_BEHIND}"
        return failed(f"not listed: {', '.join(missing)}", expected=expected, hint=hint)
    for one in listed:
        page = await _get(context, one.removeprefix(url))
        if page.status != HTTPStatus.OK or "noindex" in page.header("X-Robots-Tag"):
            found = f"{one} answers {page.status}, or says that it is not to be found"
            return failed(found, expected=expected, hint=_BEHIND)
    return passed(f"{len(listed)} pages", expected=expected)


async def check_robots(context: HostCheckContext) -> CheckResult:
    """Read what search engines may read, and what the pages say of it themselves."""
    lines = (await _get(context, "/robots.txt")).text.splitlines()
    is_hidden = "noindex" in (await _get(context, "/")).header("X-Robots-Tag")
    if "Disallow: /" not in lines:
        expected = "/robots.txt keeps search engines out of the application and the API"
        return failed("no line `Disallow: /`", expected=expected, hint=_BEHIND)
    if context.is_local:
        expected = "search engines find nothing on a machine for trying things"
        if is_hidden and not any(line.startswith("Allow:") for line in lines):
            return passed("nothing may be read, and pages say noindex", expected=expected)
        return failed("pages may be found", expected=expected, hint=_BEHIND)
    expected = "search engines may read the public pages, and no others"
    sign_in = await _get(context, "/sign-in")
    if is_hidden or "Allow: /$" not in lines:
        hint = "Set CLIENTFLOW_PUBLIC_URL to the address that the world knows, then restart."
        return failed("the home page says that it is not to be found", expected=expected, hint=hint)
    if "noindex" not in sign_in.header("X-Robots-Tag"):
        return failed("/sign-in may be found", expected=expected, hint=_BEHIND)
    return passed("the public pages, and no others", expected=expected)


async def check_search_console(context: HostCheckContext) -> CheckResult:
    """Look for Google's mark on the home page."""
    mark = context.settings.site.site_verification
    expected = f"the home page has the mark of {SITE_VERIFICATION_ENV}"
    if mark is None:
        hint = (
            f"Set {SITE_VERIFICATION_ENV} to the content of the HTML tag that Google's search"
            " console gives; where it is proved otherwise (by DNS), sign that off."
        )
        return skipped("not set", expected=expected, hint=hint)
    if f'name="google-site-verification" content="{mark}"' in (await _get(context, "/")).text:
        return passed("it is there", expected=expected)
    return failed("it is not there", expected=expected, hint=f"{_RESTART} {_BEHIND}")


async def check_support(context: HostCheckContext) -> CheckResult:
    """Look for the address for help at the places where it is sought."""
    support = context.settings.site.support_email
    expected = "an address for help on every page, on errors, and in /.well-known/security.txt"
    if support is None:
        hint = f"Set {SUPPORT_EMAIL_ENV} to an address that somebody reads."
        return _unfinished(context, "no address is set", expected=expected, hint=hint)
    for path in ("/", "/nothing"):
        if f'href="mailto:{support}"' not in (await _get(context, path)).text:
            return failed(f"not at {path}", expected=expected, hint=f"{_RESTART} {_BEHIND}")
    told = (await _get(context, "/.well-known/security.txt")).text.splitlines()
    if f"Contact: mailto:{support}" not in told:
        found = "not in /.well-known/security.txt"
        return failed(found, expected=expected, hint=f"{_RESTART} {_BEHIND}")
    if not any(_is_ahead(line, context.now) for line in told):
        found = "/.well-known/security.txt has expired"
        return failed(found, expected=expected, hint=f"Correct the clock of the host. {_BEHIND}")
    return passed(support, expected=expected)


def _is_ahead(line: str, now: dt.datetime) -> bool:
    name, _, moment = line.partition(": ")
    try:
        return name == "Expires" and dt.datetime.fromisoformat(moment) > now
    except (TypeError, ValueError):
        return False


CHECKS: Final = (
    HostCheck(id="EW4", run=check_posthog),
    HostCheck(id="EW5", run=check_api_base_url),
    HostCheck(id="DW1", run=check_home_page),
    HostCheck(id="DW4", run=check_public_settings),
    HostCheck(id="DW6", run=check_assets),
    HostCheck(id="WL1", run=_check_legal("terms")),
    HostCheck(id="WL2", run=_check_legal("privacy")),
    HostCheck(id="WL3", run=_check_legal("dpa")),
    HostCheck(id="WL4", run=_check_legal("cookies")),
    HostCheck(id="WS3", run=check_sitemap),
    HostCheck(id="WS4", run=check_robots),
    HostCheck(id="WS6", run=check_search_console),
    HostCheck(id="UU3", run=check_support),
)
