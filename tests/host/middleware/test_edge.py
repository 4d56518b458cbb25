"""What stands around everything that is served: limits, other sites' scripts, proxies, headers."""

import asyncio
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.release import release
from clientflow_host.edge_settings import PROBE_HEADER
from clientflow_host.middleware import body_deadline, rate_limits
from clientflow_host.middleware.buckets import Rule
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, add_user
from tests.redis_server import RedisServer, running_redis
from tests.texts import text

CONTACTS = "/api/v1/contacts"
APP = "https://app.example.com"


def few(**more: str) -> pytest.MarkDecorator:
    """Allow three requests a minute."""
    return pytest.mark.parametrize(
        "values", [{"CLIENTFLOW_RATE_LIMIT": "3", **more}], indirect=True
    )


async def statuses(host: Host, times: int = 5, **more: Any) -> list[int]:
    return [(await host.bare("GET", CONTACTS, **more)).status for _ in range(times)]


# How often somebody may ask


@pytest.mark.proves("DA6")
@few()
async def test_who_asks_too_often_is_told_how_long_to_wait(host: Host) -> None:
    assert await statuses(host, 1, headers=host.ours.headers) == [200]
    for left in (2, 1, 0):
        answer = await host.call("GET", CONTACTS)
        assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=60'
        assert answer.headers["RateLimit"].startswith(f'"requests";r={left};t=')
    refused = await host.call("GET", CONTACTS)
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')


@few()
async def test_key_that_is_good_has_a_bucket_of_its_own(host: Host) -> None:
    other = host.add_organization()
    # The first of each counts for the address, since nobody knows yet that the key is good.
    assert await statuses(host, 1, headers=host.ours.headers) == [200]
    assert await statuses(host, 1, headers=other.headers) == [200]
    assert await statuses(host, 4, headers=host.ours.headers) == [200, 200, 200, 429]
    assert await statuses(host, 1, headers=other.headers) == [200]


@few()
async def test_guessed_keys_share_the_bucket_of_their_address(host: Host) -> None:
    guesses = [{"Authorization": f"Bearer cf_live_{number}"} for number in range(5)]
    found = [(await statuses(host, 1, headers=guess))[0] for guess in guesses]
    assert found == [401, 401, 401, 429, 429]


@few()
async def test_webhooks_and_watchers_are_never_told_to_wait(host: Host) -> None:
    for number in range(5):
        assert (await host.webhook(text(f"Hello {number}"))).status == 200
        for path in ("/health", "/ready", "/metrics"):
            assert (await host.bare("GET", path)).status in {200, 503}


@pytest.mark.parametrize("values", [{"CLIENTFLOW_RATE_LIMIT": "0"}], indirect=True)
async def test_nothing_is_counted_where_there_is_no_limit(host: Host) -> None:
    assert "RateLimit" not in (await host.call("GET", CONTACTS)).headers


@few()
async def test_browser_is_shown_a_page_and_told_to_wait(host: Host) -> None:
    wanted = {"Accept": "text/html"}
    answer = [await host.bare("GET", "/sign-in", headers=wanted) for _ in range(4)][-1]
    assert (answer.status, answer.headers["Content-Type"][:9]) == (429, "text/html")
    assert "Retry-After" in answer.headers


@pytest.mark.proves("DA6")
async def test_passwords_cannot_be_tried_for_long(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_SIGN_IN", Rule("sign-in", 2, 600.0))
    add_user(host)
    wrong = {"email": EMAIL, "password": "guess"}
    found = [await host.bare("POST", "/sign-in", data=wrong) for _ in range(3)]
    assert [one.status for one in found] == [401, 401, 429]
    spelled = wrong | {"email": f" {EMAIL.upper()} "}
    assert (await host.bare("POST", "/sign-in", data=spelled)).status == 429
    other = wrong | {"email": "zoe@example.com"}
    assert (await host.bare("POST", "/sign-in", data=other)).status == 401


async def test_probe_is_refused_out_of_a_bucket_of_its_own(host: Host) -> None:
    one, other = {PROBE_HEADER: "one"}, {PROBE_HEADER: "other"}
    found = [await host.bare("GET", "/health", headers=one) for _ in range(4)]
    assert [answer.status for answer in found] == [200, 200, 200, 429]
    assert {answer.headers["X-Rate-Limit-Store"] for answer in found} == {"memory"}
    assert (await host.bare("GET", "/health", headers=other)).status == 200
    assert (await host.bare("GET", "/health")).status == 200


class TestWithRedis:
    @pytest.fixture
    def redis(self, values: dict[str, str], tmp_path: Path) -> Iterator[RedisServer]:
        with running_redis(tmp_path) as running:
            values["REDIS_URL"] = running.url.reveal()
            yield running

    async def test_losing_it_stops_no_request(self, redis: RedisServer, host: Host) -> None:
        probe = {PROBE_HEADER: "x"}
        answer = await host.bare("GET", "/health", headers=probe)
        assert answer.headers["X-Rate-Limit-Store"] == "redis"
        redis.kill()
        assert await statuses(host, 3, headers=host.ours.headers) == [200, 200, 200]
        answer = await host.bare("GET", "/health", headers=probe)
        assert answer.headers["X-Rate-Limit-Store"] == "memory"


# Who asks from behind a proxy


def behind(*proxies: str, **more: str) -> pytest.MarkDecorator:
    values = {"CLIENTFLOW_RATE_LIMIT": "1", "CLIENTFLOW_TRUSTED_PROXIES": ",".join(proxies)}
    return pytest.mark.parametrize("values", [values | more], indirect=True)


async def ask_as(host: Host, forwarded: str) -> int:
    return (await statuses(host, 1, headers={"X-Forwarded-For": forwarded}))[0]


@behind("127.0.0.1", "10.0.0.0/8")
async def test_who_stands_behind_a_proxy_of_ours_is_believed(host: Host) -> None:
    assert await ask_as(host, "198.51.100.1") == 401
    assert await ask_as(host, "198.51.100.2, 10.1.2.3") == 401
    # Whatever they wrote themselves stands before it.
    assert await ask_as(host, "203.0.113.9, 198.51.100.1") == 429
    assert await ask_as(host, "203.0.113.9, 198.51.100.2, 10.9.9.9") == 429


@behind("127.0.0.1")
async def test_subscriber_of_ipv6_is_a_whole_network(host: Host) -> None:
    assert await ask_as(host, "2001:db8::1") == 401
    assert await ask_as(host, "2001:db8::ffff") == 429
    assert await ask_as(host, "2001:db8:0:1::1") == 401


@behind("127.0.0.1")
async def test_what_is_no_address_counts_for_the_proxy(host: Host) -> None:
    assert await ask_as(host, "unknown") == 401
    assert await ask_as(host, "' OR 1=1") == 429


@few()
async def test_nobody_is_believed_where_no_proxy_is_named(host: Host) -> None:
    found = [await ask_as(host, f"198.51.100.{number}") for number in range(4)]
    assert found == [401, 401, 401, 429]


HTTPS = {"CLIENTFLOW_PUBLIC_URL": "https://clientflow.example.com"}


@behind("127.0.0.1", **HTTPS)
async def test_who_came_without_tls_is_led_to_it(host: Host) -> None:
    plain = {"X-Forwarded-Proto": "http"}
    answer = await host.bare("POST", "/sign-in?a=1", headers=plain, allow_redirects=False)
    assert answer.status == 308
    assert answer.headers["Location"] == "https://clientflow.example.com/sign-in?a=1"
    assert (await host.bare("GET", "/health", headers=plain)).status == 200


@pytest.mark.parametrize("values", [HTTPS], indirect=True)
async def test_only_a_proxy_of_ours_can_say_so(host: Host) -> None:
    answer = await host.bare("GET", "/sign-in", headers={"X-Forwarded-Proto": "http"})
    assert answer.status == 200


# Other sites' scripts

CORS = pytest.mark.parametrize(
    "values", [{"CLIENTFLOW_CORS_ORIGINS": f"{APP},https://www.example.com:8443"}], indirect=True
)


async def preflight(host: Host, path: str, *, origin: str, method: str = "POST") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return await host.bare("OPTIONS", path, headers=headers)


def allowed(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if "Access-Control" in name}


@pytest.mark.proves("DA7")
@CORS
async def test_script_of_a_listed_site_may_call_what_is_there(host: Host) -> None:
    answer = await preflight(host, CONTACTS, origin=APP)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    read = await host.call("GET", CONTACTS, headers={"Origin": APP})
    assert read.headers["Access-Control-Allow-Origin"] == APP
    assert read.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in {**answer.headers, **read.headers}


@CORS
async def test_script_can_read_why_it_was_refused(host: Host) -> None:
    answer = await host.bare("GET", CONTACTS, headers={"Origin": APP})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, APP)


@pytest.mark.proves("DA7")
@CORS
async def test_script_of_any_other_site_is_told_nothing(host: Host) -> None:
    for origin in (
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com.evil.example",
        "https://APP.example.com",
        "null",
        "*",
        "",
    ):
        refused = await preflight(host, CONTACTS, origin=origin)
        assert (refused.status, allowed(refused)) == (405, {}), origin
        assert allowed(await host.call("GET", CONTACTS, headers={"Origin": origin})) == {}, origin


@CORS
async def test_what_is_not_there_is_allowed_to_nobody(host: Host) -> None:
    for path, method, status in (
        (CONTACTS, "DELETE", 405),
        ("/api/v1/nothing", "GET", 404),
        ("/inbox", "GET", 405),
    ):
        answer = await preflight(host, path, origin=APP, method=method)
        assert answer.status == status, path
        assert "Access-Control-Allow-Methods" not in answer.headers


async def test_without_a_list_no_site_may(host: Host) -> None:
    assert allowed(await preflight(host, CONTACTS, origin=APP)) == {}


# Headers, and bodies that do not come


@pytest.mark.proves("SI3")
async def test_every_answer_says_what_a_browser_must_not_do(host: Host) -> None:
    for path in ("/health", "/ready", CONTACTS, "/nothing", "/api/openapi.json", "/inbox"):
        require_headers((await host.bare("GET", path, allow_redirects=False)).headers)
    require_headers((await host.webhook(text("Hello?"))).headers)
    files = (await host.bare("GET", "/sign-in")).body.partition("/static/")[2].partition('"')[0]
    file = (await host.bare("GET", f"/static/{files}")).headers
    require_headers({**file, "Cache-Control": "no-store"})
    assert "immutable" in file["Cache-Control"], "what is set already stays"


def require_headers(headers: Mapping[str, str]) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Release"] == release()
    assert "Strict-Transport-Security" not in headers


@pytest.mark.proves("SI3")
@pytest.mark.parametrize("values", [HTTPS], indirect=True)
async def test_browser_is_told_to_come_by_tls_where_there_is_some(host: Host) -> None:
    headers = (await host.bare("GET", "/health")).headers
    assert headers["Strict-Transport-Security"] == "max-age=63072000"


@pytest.mark.proves("SI2")
async def test_body_that_trickles_is_not_waited_for(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_deadline, "BODY_SECONDS", 0.1)
    await trickle(host, CONTACTS, "application/json")
    await trickle(host, "/sign-in", "application/x-www-form-urlencoded")


async def trickle(host: Host, path: str, kind: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.assembly.settings.port)
    key = host.ours.headers["Authorization"]
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: {kind}"
    writer.write(f"{head}\r\nContent-Length: 50\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        answer = await reader.read(4096)
    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert b'"request_timeout"' in answer
    writer.close()


@pytest.mark.proves("SI2", "SD5")
async def test_body_that_is_too_large_is_refused(host: Host) -> None:
    large = io.BytesIO(b'"' + b"1" * 1024 * 1024 + b'"')
    headers = {"Content-Type": "application/json"}
    answer = await host.call("POST", CONTACTS, data=large, headers=headers)
    assert (answer.status, answer.code) == (413, "payload_too_large")


@pytest.mark.proves("SI2")
async def test_head_that_is_too_large_is_refused(host: Host) -> None:
    answer = await host.bare("GET", "/health", headers={"X-Long": "x" * 10_000})
    assert answer.status == 400
