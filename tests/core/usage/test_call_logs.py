"""Logs of calls: sealed, read under the eyes of the audit log, and forgotten in time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from core.access.scopes import EVERYTHING, NOTHING, Scope
from core.audit.models import AuditEntry
from core.kit.ids import uuid7
from core.kit.problems import InvalidInput, NotAllowed, NotFound
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from core.usage import keeping, logs
from core.usage.health import (
    Pace,
    error_codes,
    failed_tries,
    pace_by_llm,
    pace_over_time,
    percentile_lines,
    reasons_over_time,
    rescued,
    span_of,
)
from core.usage.models import CallLog
from core.usage.policies import content_policy, set_content_policy
from core.vault.services import SecretUnreadable
from tenants.models import Account
from tests.cast import TESTS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIA, TEAM = uuid7(), uuid7()
SAID = {"request": {"messages": [{"role": "user", "content": "Ærøskøbing"}]}, "answer": []}

pytestmark = pytest.mark.usefixtures("in_acme")


def write(*, at: datetime = NOW, said: Any = None, kind: str = "full", **fields: Any) -> CallLog:
    """Write one log of Mia's."""
    log = CallLog(
        **{
            "request_id": uuid7(),
            "began_at": at,
            "product": "console",
            "user_id": MIA,
            "team_id": TEAM,
            "llm": "gpt-5",
            "kind": "chat",
            "outcome": "ok",
            "status_code": 200,
            "latency_ms": 100,
            "content_kind": kind if said else "",
            **fields,
        }
    )
    keeping.keep_calls([(log, said)])
    return CallLog.objects.get(request_id=log.request_id)


def policy(keep: str, days: int = 30, *, may: bool = True) -> None:
    set_content_policy(product="console", keep=keep, days=days, may_keep_content=may, actor=TESTS)


def test_what_was_said_is_sealed_where_it_stands() -> None:
    log, other = write(said=SAID), write(said=SAID)

    assert "skøbing" not in log.content
    assert keeping.read_content(log=log, actor=TESTS) == SAID
    # Copied to another call, it does not open.
    other.content = log.content
    with pytest.raises(SecretUnreadable):
        keeping.read_content(log=other, actor=TESTS)


def test_in_another_account_it_does_not_open(in_acme: Account, globex: Account) -> None:
    log = write(said=SAID)

    with in_account(globex):
        write(said=SAID)
        with pytest.raises(SecretUnreadable):
            keeping.read_content(log=log, actor=TESTS)


def test_who_looks_is_written_down() -> None:
    log = write(said=SAID)

    keeping.read_content(log=log, actor=TESTS)

    entry = AuditEntry.objects.get(verb="content.viewed")
    assert (entry.target_id, entry.nodes) == (str(log.request_id), [TEAM])


def test_nothing_kept_is_nothing_to_read() -> None:
    with pytest.raises(NotFound):
        keeping.read_content(log=write(), actor=TESTS)


def test_a_call_is_written_once() -> None:
    log = write()

    again = CallLog(
        request_id=log.request_id, began_at=NOW, product="console", llm="x", kind="chat",
        outcome="ok", status_code=500, latency_ms=1,
    )  # fmt: skip
    keeping.keep_calls([(again, None)])

    assert CallLog.objects.get().status_code == 200


def test_what_was_said_is_searched_without_regard_to_case() -> None:
    found, _ = write(said=SAID), write(said={"request": {}, "answer": []})

    assert keeping.search_content(logs=list(CallLog.objects.all()), text="æRØ", actor=TESTS) == [
        found
    ]
    assert AuditEntry.objects.get(verb="content.searched").after == {"calls": 2}


# -- policy ----------------------------------------------------------------------------------------


def test_until_somebody_decides_metadata_is_kept_for_a_month() -> None:
    assert (content_policy("console").keep, content_policy("console").days) == ("metadata", 30)


def test_deciding_moves_the_policy_and_is_audited_once() -> None:
    before = policy_version()

    policy("full", 7)
    policy("full", 7)

    assert policy_version() == before + 1
    assert AuditEntry.objects.filter(verb="content_policy.set").count() == 1


def test_what_the_plan_withholds_cannot_be_decided() -> None:
    with pytest.raises(NotAllowed):
        policy("redacted", may=False)
    policy("nothing", may=False)
    assert content_policy("console").keep == "nothing"


@pytest.mark.parametrize(("keep", "days"), [("all", 5), ("full", 0), ("full", 366)])
def test_choices_have_bounds(keep: str, days: int) -> None:
    with pytest.raises(InvalidInput):
        policy(keep, days)


# -- forgetting ------------------------------------------------------------------------------------


def kept_after(keep: str, days: int) -> dict[str, str]:
    """Return what is left of three calls: their LLM and how much of what was said."""
    policy(keep, days)
    write(llm="old", at=NOW - timedelta(days=8), said=SAID)
    write(llm="full", said=SAID)
    write(llm="redacted", said=SAID, kind="redacted")
    write(llm="copilots", product="copilot", at=NOW - timedelta(days=29))
    with time_machine.travel(NOW, tick=False):
        keeping.forget_calls()
    rows = CallLog.objects.order_by("id")
    assert all(bool(row.content) == bool(row.content_kind) for row in rows)
    return {row.llm: row.content_kind for row in rows}


def test_logs_go_after_their_days() -> None:
    assert kept_after("full", 7) == {"full": "full", "redacted": "redacted", "copilots": ""}


def test_full_content_goes_where_only_redacted_is_kept() -> None:
    assert kept_after("redacted", 30) == {
        "old": "", "full": "", "redacted": "redacted", "copilots": "",
    }  # fmt: skip


def test_content_goes_where_only_metadata_is_kept() -> None:
    assert kept_after("metadata", 30) == {"old": "", "full": "", "redacted": "", "copilots": ""}


def test_everything_goes_where_nothing_is_kept() -> None:
    assert kept_after("nothing", 30) == {"copilots": ""}


# -- reading ---------------------------------------------------------------------------------------


def test_logs_are_cut_to_who_looks() -> None:
    mine = write()
    theirs = write(user_id=uuid7(), team_id=uuid7(), organization_id=uuid7())
    robots = write(user_id=None)
    assert theirs.organization_id is not None

    def seen(scope: Scope, user_id: UUID | None = None) -> list[CallLog]:
        return list(logs.logs_for("console", scope, user_id=user_id))

    assert seen(EVERYTHING) == [robots, theirs, mine]
    assert seen(NOTHING, MIA) == [mine]
    # Nobody in particular is not whoever has made a call without a user.
    assert seen(NOTHING) == []
    assert seen(Scope(teams=frozenset({TEAM}))) == [robots, mine]
    assert seen(Scope(organizations=frozenset({theirs.organization_id}))) == [theirs]
    assert list(logs.logs_for("copilot", EVERYTHING, user_id=None)) == []


def test_those_who_follow_miss_nothing_that_is_still_being_written() -> None:
    first, late = write(), write()
    CallLog.objects.filter(pk=first.pk).update(written_at=NOW - timedelta(seconds=5))
    CallLog.objects.filter(pk=late.pk).update(written_at=NOW)
    rows = logs.logs_for("console", EVERYTHING, user_id=None)

    with time_machine.travel(NOW, tick=False):
        assert logs.logs_after(rows, 0, limit=10) == [first]
        assert logs.newest_id(rows) == first.pk
    with time_machine.travel(NOW + timedelta(seconds=2), tick=False):
        assert logs.logs_after(rows, first.pk, limit=10) == [late]


def test_paces_say_how_fast_and_how_well() -> None:
    for milliseconds in (100, 200, 300):
        write(latency_ms=milliseconds)
    write(latency_ms=50, llm="another", first_token_ms=20)
    write(latency_ms=1, status_code=429, error_code="rate_limit_exceeded")
    write(latency_ms=9_000, status_code=502, error_code="upstream_error")
    write(latency_ms=1, status_code=429, error_code="rate_limit_exceeded")
    rows = logs.logs_for("console", EVERYTHING, user_id=None)

    with time_machine.travel(NOW, tick=False):
        span = span_of(2, timedelta(days=1))
        yesterday, today = pace_over_time(rows, span, "latency_ms")
        by_llm = pace_by_llm(rows, span, "latency_ms")
        lines = percentile_lines(rows, span, "latency_ms", share=0.5, llms=["another", "none"])
        reasons, others = reasons_over_time(rows, span, most=1)
        codes = error_codes(rows, span)

    assert yesterday == Pace()
    assert (today.calls, today.refused, today.failed) == (7, 2, 1)
    assert (today.p50, today.p95) == (150, 285)
    assert {llm: each.p99 for llm, each in by_llm.items()} == {"gpt-5": 298, "another": 50}
    assert lines == {"another": [None, 50.0], "none": [None, None]}
    assert reasons == {"rate_limit_exceeded": [0, 2]}
    assert others == [0, 1]
    assert [(row["status_code"], row["calls"]) for row in codes] == [(429, 2), (502, 1)]


def test_steps_of_a_span_divide_the_day_and_end_with_the_running_one() -> None:
    with time_machine.travel(NOW.replace(hour=14, minute=25), tick=False):
        span = span_of(4, timedelta(hours=6))

    assert [f"{moment:%d %H}" for moment in span.moments[-3:]] == [
        f"{NOW:%d} 00", f"{NOW:%d} 06", f"{NOW:%d} 12"
    ]  # fmt: skip


def test_tries_that_others_made_good_are_counted_by_deployment_and_reason() -> None:
    limited = {"deployment": "openai/one", "code": "upstream_rate_limited"}
    write(passed_over=[limited, {"deployment": "openai/two", "code": "upstream_timeout"}])
    write(passed_over=[limited])
    write(passed_over=[limited], status_code=502)
    write()

    with time_machine.travel(NOW, tick=False):
        span = span_of(24, timedelta(hours=1))
        found = {(each.deployment, each.code): each.tries for each in failed_tries("console", span)}
        saved = rescued("console", span, llms=["gpt-5"])
        others = rescued("console", span, llms=["another"])
        elsewhere = failed_tries("copilot", span)

    assert found == {
        ("openai/one", "upstream_rate_limited"): 3,
        ("openai/two", "upstream_timeout"): 1,
    }
    assert (saved, others) == (2, 0)
    assert elsewhere == []
