"""OpenAI's official SDK from npm, unchanged, in TypeScript, against the running gateway."""

import json
from typing import Any

import pytest

from tests.fakes.vendors.wire import SAID
from tests.journeys import node
from tests.journeys.installation import Installation
from tests.journeys.providers import VENDORS, OwnLlms
from tests.journeys.wire import Ledger, add_llms

CALLED = {"name": "lookup", "arguments": {"city": "Oslo"}}
# Of each vendor six; vector, picture, sound both ways, verdict; and four that fail, one of them
# before a provider hears of it.
CALLS = 6 * len(VENDORS) + 5 + 3


@pytest.fixture(scope="module")
def said(installation: Installation, own_llms: OwnLlms) -> dict[str, Any]:
    add_llms(own_llms)
    node.packages()
    ledger = Ledger.now(installation)
    key = installation.demo["accounts"]["acme"]["console_key"]
    found: dict[str, Any] = json.loads(
        node.run("calls.ts", installation.gateway_url, key, *VENDORS)
    )
    found["events"] = ledger.new_events(CALLS)
    return found


@pytest.mark.parametrize("vendor", VENDORS)
def test_chats_of_each_vendor(said: dict[str, Any], vendor: str) -> None:
    assert said["each"][vendor] == {
        "chat": {"text": SAID, "tokens": 33},
        "streamed": {"text": SAID, "tokens": 33},
        "called": CALLED,
        "calledStreamed": CALLED,
        "responded": {"whole": SAID, "streamed": SAID},
    }


def test_what_is_not_chat(said: dict[str, Any]) -> None:
    assert said["vector"] == pytest.approx([0.6, 0.8])
    assert (said["image"], said["speech"]) == ("aGk=", "sound")
    assert said["heard"] == "Write to mia@acme.example."
    assert said["isFlagged"]
    assert set(VENDORS) <= set(said["models"])


def test_failures_are_the_sdk_s_own_errors(said: dict[str, Any]) -> None:
    assert said["failures"] == {
        "unknown": {"kind": "NotFoundError", "status": 404, "code": "model_not_found"},
        "limited": {"kind": "RateLimitError", "status": 429, "code": "upstream_rate_limited"},
        "failed": {"kind": "InternalServerError", "status": 502, "code": "upstream_failed"},
    }
    assert said["isBrokenStreamAnError"]


def test_each_call_is_charged_once(said: dict[str, Any], installation: Installation) -> None:
    free = [event for event in said["events"] if event["credits"] == 0]

    assert [event["error_code"] for event in free] == ["upstream_rate_limited", "upstream_failed"]
    assert installation.verify_credits() == ""
