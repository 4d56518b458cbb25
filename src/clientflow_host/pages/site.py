"""What every page says of the service: who runs it, where search engines find it, who is asked."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs
from aiohttp import hdrs, web

from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import Operation
from clientflow_host.pages import PUBLIC
from clientflow_host.pages.cookies import VISITOR_COOKIE, CookieChoice, read_choice
from clientflow_host.public_values import public_values
from clientflow_host.settings import HostSettings, is_this_machine


@attrs.frozen(kw_only=True)
class SiteFacts:
    """What is the same for every request.

    Attributes:
        public: the settings that everybody may see, by their names.
    """

    public: Mapping[str, str]

    @property
    def published(self) -> tuple[str, ...]:
        """The paths that search engines may find, in order."""
        return tuple(sorted(page.path for page in PUBLIC.load() if _is_published(page)))


SITE: Final = web.AppKey("site", SiteFacts)


@attrs.frozen(kw_only=True)
class Analytics:
    """What a page needs to be counted at PostHog.

    Attributes:
        page: the page without what is personal in its path, such as ``/contacts/{contact_id}``.
        visitor: by chance, kept in a cookie of theirs.
    """

    key: str
    origin: str
    page: str
    visitor: str


@attrs.frozen(kw_only=True)
class Site:
    """The service as one page tells of it.

    Attributes:
        here: path and query of the page.
        url: where the world reaches the service.
        canonical: the page's address for search engines; None where they shall not find it.
        company: who runs the service, if that is set.
        support: their address for help.
        verification: Google's mark of who owns the site.
        public: the settings that everybody may see, by their names.
        asks_cookies: whether anything is not necessary, so that there is something to choose.
        choice: what the visitor has chosen.
        analytics: only where the visitor agrees to be counted.
        api_origin: where scripts may reach the API, beside where the page is from.
    """

    here: str
    url: str
    canonical: str | None
    company: str | None
    support: str | None
    verification: str | None
    public: Mapping[str, str]
    asks_cookies: bool
    choice: CookieChoice | None
    analytics: Analytics | None
    api_origin: str | None

    @property
    def connect_src(self) -> str:
        """Where the scripts of the page may connect to, for its policy."""
        counted = self.analytics.origin if self.analytics else None
        return " ".join(filter(None, ("'self'", self.api_origin, counted)))


def site_facts(settings: HostSettings, registry: ProviderRegistry) -> SiteFacts:
    """Gather what every page says: of the host, and of the enabled providers."""
    plugins = (enabled.settings for enabled in registry.providers.values())
    return SiteFacts(public=public_values((settings.site, *plugins)))


def _is_published(page: Operation) -> bool:
    """Tell whether anybody may read *page*, and it stands alone."""
    is_page = page.method == hdrs.METH_GET and page.media_type == "text/html"
    return page.is_public and is_page and "{" not in page.path


def site_of(request: web.Request) -> Site:
    """Tell what the page that is asked for says of the service."""
    facts, settings = request.app[SITE], request.app[ASSEMBLY].settings
    is_published = not is_hidden(settings) and request.path in facts.published
    api = settings.site.api_base_url
    return Site(
        here=request.path_qs,
        url=settings.url,
        canonical=settings.url + request.path if is_published else None,
        company=settings.site.company_name,
        support=settings.site.support_email,
        verification=settings.site.site_verification,
        public=facts.public,
        asks_cookies=settings.site.posthog_key is not None,
        choice=read_choice(request),
        analytics=_analytics(request),
        api_origin=_origin(api) if api else None,
    )


def is_hidden(settings: HostSettings) -> bool:
    """Tell whether search engines shall find nothing here: only this machine reaches it."""
    return is_this_machine(urlsplit(settings.url).hostname)


def _analytics(request: web.Request) -> Analytics | None:
    site = request.app[ASSEMBLY].settings.site
    visitor = request.cookies.get(VISITOR_COOKIE)
    if site.posthog_key is None or not visitor or read_choice(request) is not CookieChoice.ALL:
        return None
    resource = request.match_info.route.resource
    page = resource.canonical if resource is not None else "/nothing"
    return Analytics(key=site.posthog_key, origin=site.posthog_origin, page=page, visitor=visitor)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
