"""Test calls of deployments, as Ada asks for them over REST: each verdict says what to do."""

import httpx
import pytest

from core.gateway import probing
from tests.fakes.vendors.wire import SAID
from tests.journeys.installation import Installation
from tests.journeys.providers import API, VENDORS, OwnLlms, Providers, allow_own_llms
from tests.journeys.wire import MEDIA, Ledger

by_vendor = pytest.mark.parametrize("vendor", VENDORS)


def verdict_of(own: OwnLlms, deployment: str) -> dict[str, str]:
    """Have a deployment tested and return what came of it."""
    found: dict[str, str] = own.send("POST", f"deployments/{deployment}/test")["test"]
    return found


@by_vendor
def test_deployment_that_answers(
    own_llms: OwnLlms, installation: Installation, vendor: str
) -> None:
    [place] = own_llms.add(f"good-{vendor}", own_llms.at(vendor, "ok"))
    ledger = Ledger.now(installation)

    verdict = verdict_of(own_llms, place)

    assert (verdict["outcome"], verdict["detail"]) == ("ok", SAID[:100])
    assert int(verdict["latency_ms"]) >= 0
    assert verdict["tested_at"]
    # The account's own contract pays; nothing is charged.
    ledger.new_events(0)


@by_vendor
def test_wrong_key(own_llms: OwnLlms, vendor: str) -> None:
    [place] = own_llms.add(f"wrong-{vendor}", own_llms.at(vendor, "wrong-key"))

    verdict = verdict_of(own_llms, place)

    assert verdict["outcome"] == "credential"
    assert "canary" not in verdict["detail"]


@by_vendor
def test_key_that_is_replaced(own_llms: OwnLlms, providers: Providers, vendor: str) -> None:
    [place] = own_llms.add(f"new-{vendor}", own_llms.at(vendor, "ok"))
    key = {"api_key": "sk-replaced-9876543210"}
    if vendor == "bedrock":
        key = {"aws_access_key_id": "AKIAREPLACED", "aws_secret_access_key": "another"}

    own_llms.send("POST", f"deployments/{place}/credential", key)

    assert verdict_of(own_llms, place)["outcome"] == "ok"
    is_openai = vendor == "openai_compatible"
    last = (providers.upstream if is_openai else providers.vendors).seen[-1]
    assert "replaced" in str(last.headers).lower()


@by_vendor
@pytest.mark.parametrize(
    ("model", "outcome"),
    [
        ("error-404", "unknown_model"),
        ("error-429", "limited"),
        ("error-500", "failed"),
        ("error-400", "rejected"),
        ("reset-first", "failed"),
        ("hangs", "timeout"),
    ],
)
def test_provider_that_fails(own_llms: OwnLlms, vendor: str, model: str, outcome: str) -> None:
    place = own_llms.at(vendor, model, timeout_seconds=1)
    [made] = own_llms.add(f"{model}-{vendor}", place)

    verdict = verdict_of(own_llms, made)

    assert verdict["outcome"] in {outcome, "unreachable" if model == "reset-first" else outcome}
    if model == "hangs":
        assert verdict["detail"] == "No answer within 1 seconds."
    assert "127.0.0.1" not in verdict["detail"]


def test_address_where_nobody_listens(own_llms: OwnLlms) -> None:
    place = own_llms.at("openai_compatible", "ok", api_base="http://127.0.0.1:1/v1")
    [made] = own_llms.add("nobody-there", place)

    assert verdict_of(own_llms, made)["outcome"] == "unreachable"


def test_name_that_does_not_resolve(own_llms: OwnLlms) -> None:
    place = own_llms.at("openai_compatible", "ok", api_base="https://no-such-host.invalid/v1")
    [made] = own_llms.add("no-such-host", place)

    assert verdict_of(own_llms, made)["outcome"] == "unreachable"


def test_address_that_the_super_admin_takes_back(
    own_llms: OwnLlms, installation: Installation
) -> None:
    # Not the machine itself: a demo may always call that.
    allow_own_llms(installation, networks="10.9.0.0/16")
    place = own_llms.at("openai_compatible", "ok", api_base="http://10.9.0.1/v1", timeout_seconds=1)
    [made] = own_llms.add("taken-back", place)

    allow_own_llms(installation, networks="")

    assert verdict_of(own_llms, made)["outcome"] == "address"


def test_vendor_that_the_super_admin_takes_back(
    own_llms: OwnLlms, installation: Installation
) -> None:
    [place] = own_llms.add("no-vendor", own_llms.at("anthropic", "ok"))
    allow_own_llms(installation, vendors=["openai_compatible"])
    try:
        answer = own_llms.ada.send("POST", f"{API}/deployments/{place}/test")
    finally:
        allow_own_llms(installation)

    assert (answer.status_code, answer.json()["code"]) == (403, "vendor_not_allowed")


@pytest.mark.parametrize("kind", MEDIA)
def test_every_kind_of_llm_can_be_tested(own_llms: OwnLlms, kind: str) -> None:
    model = MEDIA[kind]["openai_compatible"]
    [place] = own_llms.add(f"kind-{kind}", own_llms.at("openai_compatible", model), kind=kind)

    assert verdict_of(own_llms, place)["outcome"] == "ok"


@pytest.mark.parametrize(
    "body", [{}, {"ticket": "forged"}, {"ticket": 5}, {"ticket": "a:b:c"}, {"ticket": ["x"]}]
)
def test_only_the_cockpit_asks_for_test_calls(
    installation: Installation, body: dict[str, object]
) -> None:
    answer = httpx.post(f"{installation.gateway_url}{probing.PATH}", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
