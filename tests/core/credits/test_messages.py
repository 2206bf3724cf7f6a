"""What crosses the wire between Python and the ledger's functions."""

from decimal import Decimal
from uuid import UUID

import orjson
import pytest

from core.credits import messages
from core.credits.messages import CallContext, ReserveRequest, SettleRequest

ID = UUID(int=7)


def test_decimals_go_as_text_and_never_as_floats() -> None:
    request = SettleRequest(request_id=ID, cost_usd=Decimal("0.1000000000000000055"), outcome="ok")

    assert orjson.loads(messages.to_json(request))["cost_usd"] == "0.1000000000000000055"


def test_small_decimals_go_without_an_exponent() -> None:
    request = SettleRequest(request_id=ID, cost_usd=Decimal("1E-9"), outcome="ok")

    assert orjson.loads(messages.to_json(request))["cost_usd"] == "0.000000001"


def test_what_does_not_belong_in_a_message_is_refused() -> None:
    request = SettleRequest(request_id=ID, cost_usd=Decimal(1), outcome="ok", guardrails=[object()])

    with pytest.raises(TypeError):
        messages.to_json(request)


def test_a_cost_is_not_negative() -> None:
    with pytest.raises(AssertionError):
        SettleRequest(request_id=ID, cost_usd=Decimal(-1), outcome="ok")


def test_labels_are_of_ids() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        CallContext(product="testing", llm="gpt-5", kind="chat", labels={"mia": "Mia"})


@pytest.mark.parametrize(
    "fault",
    [
        {"amount": -1},
        {"estimate_microcredits": -1},
        {"factor": Decimal(0)},
        {"fingerprint": "x" * 65},
        {"price_version": "x" * 65},
    ],
)
def test_a_request_makes_sense(fault: dict[str, object]) -> None:
    given = {
        "request_id": ID,
        "wallet_id": ID,
        "amount": 1,
        "factor": Decimal(1),
        "factor_version": 1,
        "price_version": "1",
        "fingerprint": "f",
        "ttl_seconds": 60,
        "context": CallContext(product="testing", llm="gpt-5", kind="chat"),
    }

    with pytest.raises(AssertionError):
        ReserveRequest(**{**given, **fault})  # type: ignore[arg-type]
