"""Legal texts: what is filled in, what is left to see, and who is named as a sub-processor."""

import pytest

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.finding import discover_plugins
from clientflow_host.pages.cookies import CHOICE_COOKIE, VISITOR_COOKIE
from clientflow_host.pages.legal import PAGES
from clientflow_host.pages.legal_texts import (
    fill_in,
    placeholders,
    read_text,
    sub_processors,
    to_html,
)
from clientflow_host.site_settings import SiteSettings

FILLED_IN = SiteSettings(
    company_name="Harbour",
    company_address="1 Quay Street",
    company_law="Irish law",
    privacy_email="privacy@harbour.example",
    support_email="help@harbour.example",
    legal_date="2026-12-01",
)


@pytest.mark.proves("WL1", "WL2", "WL3")
@pytest.mark.parametrize("slug", [page.slug for page in PAGES])
def test_our_templates_have_no_place_that_cannot_be_filled_in(slug: str) -> None:
    text = read_text(slug, folder=None)
    assert "COMPANY NAME" in placeholders(text)
    assert placeholders(fill_in(text, site=FILLED_IN, listed=[])) == []


def test_links_are_no_places_to_be_filled_in() -> None:
    text = "[GDPR](https://gdpr.example) and [A NEW PLACE] and [1]"
    assert placeholders(text) == ["A NEW PLACE"]
    assert to_html(text) == (
        '<p><a href="https://gdpr.example">GDPR</a> and <mark>[A NEW PLACE]</mark> and [1]</p>\n'
    )


@pytest.mark.proves("WL3")
def test_every_outside_provider_of_ours_is_listed_with_what_it_is_given() -> None:
    specs = [spec for plugin in discover_plugins() for spec in plugin.specs]
    assert {spec.kind for spec in specs} == {*ProviderKind}
    listed = sub_processors(specs, SiteSettings(posthog_key="phc_x"))
    outside = {spec.title for spec in specs if not spec.is_local}
    assert {one.name for one in listed} == outside | {"PostHog"}
    text = fill_in("[SUB-PROCESSORS]", site=SiteSettings(), listed=listed)
    assert to_html(text).count("<tr>") == len(outside) + 2


def test_without_any_it_says_so() -> None:
    text = fill_in("[SUB-PROCESSORS]", site=SiteSettings(), listed=[])
    assert to_html(text) == "<p>None: no outside provider is enabled.</p>\n"


@pytest.mark.proves("WL4")
def test_every_cookie_is_told_of() -> None:
    text = read_text("cookies", folder=None)
    for name in (CHOICE_COOKIE, VISITOR_COOKIE, "session", "authorization"):
        assert f"`{name}`" in text
