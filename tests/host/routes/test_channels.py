"""``/api/v1/channels`` and ``/api/v1/failover-rules``."""

from typing import Any

import pytest

from tests.host.conftest import Host

RULES = "/api/v1/failover-rules"


async def own_channel(host: Host) -> dict[str, Any]:
    answer = await host.call("GET", "/api/v1/channels")
    [channel] = answer.body["data"]
    found: dict[str, Any] = channel
    return found


async def test_channels_are_listed(host: Host) -> None:
    channel = await own_channel(host)
    assert channel == {
        "id": channel["id"],
        "provider": "twilio",
        "address": channel["address"],
        "medium": "text",
        "name": channel["name"],
    }


async def test_rule_is_written_replaced_listed_and_taken_away(host: Host) -> None:
    channel_id = (await own_channel(host))["id"]
    for channel_ids in ([channel_id], []):
        rule = {"medium": "text", "country": "US", "channel_ids": channel_ids}
        answer = await host.call("PUT", f"{RULES}/text/US", json={"channel_ids": channel_ids})
        assert (answer.status, answer.body) == (200, rule)
        assert (await host.call("GET", RULES)).body == {"data": [rule]}
    assert (await host.call("DELETE", f"{RULES}/text/US")).status == 204
    assert (await host.call("GET", RULES)).body == {"data": []}
    gone = await host.call("DELETE", f"{RULES}/text/US")
    assert (gone.status, gone.code) == (404, "not_found")


async def test_channel_that_is_nobodys_or_another_mediums_or_named_twice_is_refused(
    host: Host,
) -> None:
    channel_id = (await own_channel(host))["id"]
    strange = "chn_01a20d1c7faa7fcea7a8f7c97e24159c"
    body = {"channel_ids": [channel_id, strange, channel_id]}
    answer = await host.call("PUT", f"{RULES}/text/*", json=body)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert [problem["pointer"] for problem in answer.body["errors"]] == [
        "/channel_ids/1",
        "/channel_ids/2",
    ]
    answer = await host.call("PUT", f"{RULES}/email/*", json={"channel_ids": [channel_id]})
    assert answer.status == 422
    assert (await host.call("GET", RULES)).body == {"data": []}


@pytest.mark.parametrize("place", ["text/us", "text/USA", "fax/US", "text/%20"])
async def test_medium_or_country_that_is_none_is_refused(host: Host, place: str) -> None:
    answer = await host.call("PUT", f"{RULES}/{place}", json={"channel_ids": []})
    assert answer.status == 422
