"""The checks of what travels, over real TLS."""

from pathlib import Path

import attrs
import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.secret import Secret
from tests.host.checklist.checks.impostors import answering, certificate
from tests.host.checklist.conftest import Context, ask

HSTS = {"Strict-Transport-Security": "max-age=63072000"}


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose certificate this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return tmp_path


async def test_certificate_that_lasts_passes(context: Context, trusted: Path) -> None:
    async with answering(tls=certificate(trusted, days=90)) as url:
        found = await ask("DA4", context(url=url))
    assert found.status is CheckStatus.PASSED, found
    assert found.found.startswith("TLSv1.3, good until ")


@pytest.mark.parametrize(
    ("days", "name", "words"),
    [(10, "localhost", "9 days more"), (-1, "localhost", "expired"), (90, "other", "Hostname")],
)
async def test_certificate_that_is_not_good_for_long_is_found(
    context: Context, trusted: Path, days: int, name: str, words: str
) -> None:
    async with answering(tls=certificate(trusted, days=days, name=name)) as url:
        found = await ask("DA4", context(url=url))
    assert found.status is CheckStatus.FAILED
    assert words in found.found, found
    assert "enew it" in found.hint


async def test_certificate_that_nobody_trusts_is_found(context: Context, tmp_path: Path) -> None:
    async with answering(tls=certificate(tmp_path, days=90)) as url:
        found = await ask("DA4", context(url=url))
    assert found.status is CheckStatus.FAILED
    assert "self-signed" in found.found


@pytest.mark.parametrize("item", ["DA4", "SD2"])
async def test_service_of_this_machine_needs_no_tls_and_any_other_does(
    context: Context, item: str
) -> None:
    assert (await ask(item, context())).status is CheckStatus.SKIPPED
    found = await ask(item, context(url="http://clientflow.example.com:8080"))
    assert found.status is CheckStatus.FAILED
    assert "CLIENTFLOW_TRUSTED_PROXIES" in found.hint


async def test_service_that_is_encrypted_all_through_passes(
    context: Context, trusted: Path
) -> None:
    async with answering(tls=certificate(trusted, days=90), headers=HSTS) as url:
        found = await ask("SD2", context(url=url, public_url=url))
    assert found.status is CheckStatus.PASSED, found


async def test_whatever_travels_unencrypted_is_found(context: Context, trusted: Path) -> None:
    redis = Secret("redis://:hunter2@redis.example.com:6379/0")
    async with answering(tls=certificate(trusted, days=90)) as url:
        found = await ask("SD2", context(url=url, redis_url=redis))
    assert found.status is CheckStatus.FAILED
    for words in ("Strict-Transport-Security", "Redis", "CLIENTFLOW_PUBLIC_URL is http://"):
        assert words in found.found, found
    assert "rediss://" in found.hint
    assert "hunter2" not in str(attrs.asdict(found))
