"""Logs, costs, content policy and playground: what developers see, and what nobody else does."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from console.models import Membership
from console.product import PRODUCT
from console.services.keys import create_key
from core.access.features import CONTENT_LOGGING, PLAYGROUND
from core.access.rules.switches import Switch
from core.access.services import set_feature, switch_llm_on
from core.audit.models import AuditEntry
from core.hierarchy.policies import path_of
from core.identity.models import User
from core.kit.clock import now
from core.kit.ids import uuid7
from core.tenancy.context import in_account, in_public
from core.usage.keeping import keep_calls
from core.usage.models import CallLog
from core.usage.policies import content_policy, set_content_policy
from tenants.models import Account
from tenants.services.features import set_features
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import text_of
from tests.factories.tenants import LlmFactory

LOGS = "/console/logs/"
SAID = {
    "request": {"model": "gpt-5", "messages": [{"role": "user", "content": "Where is Lund?"}]},
    "answer": [{"role": "assistant", "content": "In Sweden."}],
}


@pytest.fixture
def ada_client(client_for: Callable[..., AccountClient], ada: User, acme: Account) -> AccountClient:
    return client_for(ada, acme)


@pytest.fixture
def mia_client(client_for: Callable[..., AccountClient], mia: User, acme: Account) -> AccountClient:
    return client_for(mia, acme)


@pytest.fixture
def theo_client(
    client_for: Callable[..., AccountClient], theo: User, acme: Account
) -> AccountClient:
    return client_for(theo, acme)


def log_of(acme: Account, user: User, *, said: Any = None, **fields: Any) -> CallLog:
    """Write the log of one call that somebody made."""
    with in_account(acme):
        place = Membership.objects.get(member__user=user, is_primary=True)
        log = CallLog(
            **{
                "request_id": uuid7(),
                "began_at": now(),
                "product": "console",
                "user_id": user.pk,
                "member_id": place.member_id,
                "membership_id": place.pk,
                "team_id": place.team_id,
                "organization_id": place.organization_id,
                "llm": "gpt-5",
                "kind": "chat",
                "outcome": "ok",
                "status_code": 200,
                "latency_ms": 250,
                "first_token_ms": 80,
                "input_tokens": 12,
                "output_tokens": 34,
                "credits": 1_500_000,
                "cost_usd": Decimal("0.015"),
                "steps": [{"step": "provider", "at": 5.0, "ms": 240.0}],
                "price": {"version": "3", "input": "2", "credit_factor": "100"},
                "guardrails": [
                    {"name": "pii", "stage": "input", "outcome": "masked", "found": {"EMAIL": 2}}
                ],
                "content_kind": "full" if said else "",
                **fields,
            }
        )
        keep_calls([(log, said)])
        return CallLog.objects.get(request_id=log.request_id)


def settle_writing(acme: Account) -> None:
    """Let what was written be old enough for those who follow."""
    with in_account(acme):
        CallLog.objects.update(written_at=now() - timedelta(seconds=5))


def llms_in(response: Any) -> list[str]:
    return [row.log.llm for row in response.context["rows"]]


# -- the list --------------------------------------------------------------------------------------


def test_developers_see_their_own_calls_and_admins_their_branch(
    mia_client: AccountClient, ada_client: AccountClient, theo_client: AccountClient,
    acme: Account, mia: User, theo: User, olga: User,
) -> None:  # fmt: skip
    log_of(acme, mia, llm="hers")
    log_of(acme, theo, llm="his")
    log_of(acme, olga, llm="olgas", team_id=None, organization_id=uuid7())

    assert llms_in(mia_client.get(LOGS)) == ["hers"]
    assert llms_in(theo_client.get(LOGS)) == ["his", "hers"]
    assert llms_in(ada_client.get(LOGS)) == ["olgas", "his", "hers"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"llm": "slow"}, ["slow"]),
        ({"status": "failed"}, ["broken"]),
        ({"status": "5xx"}, ["broken"]),
        ({"status": "502"}, ["broken"]),
        ({"status": "ok"}, ["slow", "dear"]),
        ({"slower": "1000"}, ["slow"]),
        ({"dearer": "5"}, ["dear"]),
        ({"period": "1"}, ["broken", "slow", "dear"]),
        # What makes no sense narrows nothing.
        ({"slower": "many", "dearer": "-", "status": "x", "key": "y"}, ["broken", "slow", "dear"]),
        ({"key": "00000000-0000-0000-0000-000000000000"}, []),
    ],
)
def test_calls_are_filtered(
    mia_client: AccountClient, acme: Account, mia: User, query: dict[str, str], found: list[str]
) -> None:
    log_of(acme, mia, llm="dear", credits=9_000_000)
    log_of(acme, mia, llm="slow", latency_ms=4_000)
    log_of(acme, mia, llm="broken", status_code=502, error_code="upstream_failed", outcome="error")

    assert llms_in(mia_client.get(LOGS, query)) == found


def test_earlier_calls_come_page_by_page(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    for number in range(55):
        log_of(acme, mia, llm=f"llm-{number}")

    first = mia_client.get(LOGS)
    second = mia_client.get(f"{LOGS}?{first.context['more']}")

    assert llms_in(first)[:2] == ["llm-54", "llm-53"]
    assert (len(llms_in(first)), len(llms_in(second))) == (50, 5)
    assert second.context["more"] == ""


def test_the_list_is_followed_from_where_it_began(
    mia_client: AccountClient, acme: Account, mia: User, theo: User
) -> None:
    log_of(acme, mia, llm="before")
    settle_writing(acme)
    begun = mia_client.get(LOGS, {"live": "1"}).context["tail"]
    log_of(acme, mia, llm="after")
    log_of(acme, theo, llm="his")
    settle_writing(acme)

    followed = mia_client.get(f"{LOGS}tail/?{begun}", headers={"HX-Request": "true"})

    assert llms_in(followed) == ["after"]
    again = mia_client.get(
        f"{LOGS}tail/?{followed.context['tail']}", headers={"HX-Request": "true"}
    )
    assert llms_in(again) == []


def test_the_file_has_the_filtered_rows_and_no_formulas(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    log_of(acme, mia, llm="=cmd()", error_code="x")
    log_of(acme, mia, llm="other", status_code=500)

    lines = mia_client.get(f"{LOGS}export.csv", {"status": "ok"}).content.decode().splitlines()

    assert len(lines) == 2
    assert "'=cmd()" in lines[1]
    assert lines[1].endswith("1.5")


def test_many_calls_take_as_many_queries_as_few(
    mia_client: AccountClient, acme: Account, mia: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        log_of(acme, mia, llm=f"llm-{number}")
    mia_client.get(LOGS)

    with django_assert_max_num_queries(25):
        mia_client.get(LOGS)


# -- one call --------------------------------------------------------------------------------------


def test_one_call_in_full(mia_client: AccountClient, acme: Account, mia: User) -> None:
    log = log_of(acme, mia)

    page = text_of(mia_client.get(f"{LOGS}{log.request_id}/"))

    for said in ("Provider and output guardrails", "240.0 ms", "EMAIL ×2", "masked", "1.5"):
        assert said in page
    assert "Nothing of what was said is kept" in page


def test_somebody_elses_call_is_not_there(
    mia_client: AccountClient, acme: Account, theo: User
) -> None:
    log = log_of(acme, theo, said=SAID)

    assert mia_client.get(f"{LOGS}{log.request_id}/").status_code == 404
    assert mia_client.post(f"{LOGS}{log.request_id}/content/").status_code == 404


def test_what_was_said_is_shown_when_asked_for_and_that_is_audited(
    ada_client: AccountClient, acme: Account, mia: User
) -> None:
    log = log_of(acme, mia, said=SAID)
    assert "Where is Lund?" not in text_of(ada_client.get(f"{LOGS}{log.request_id}/"))

    response = ada_client.post(f"{LOGS}{log.request_id}/content/")

    assert "Where is Lund?" in text_of(response)
    assert "In Sweden." in text_of(response)
    assert response["Cache-Control"] == "no-store"
    with in_account(acme):
        entry = AuditEntry.objects.get(verb="content.viewed")
    assert entry.sentence == f"Ada Admin read what was said in the call {log.request_id}"
    assert "Lund" not in f"{entry.before} {entry.after}"


def test_text_is_searched_where_content_is_kept_and_that_is_audited(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    log_of(acme, mia, llm="swedish", said=SAID)
    log_of(acme, mia, llm="silent")

    assert llms_in(mia_client.get(LOGS, {"q": "LUND"})) == ["swedish"]
    assert llms_in(mia_client.get(LOGS, {"q": "Oslo"})) == []
    with in_account(acme):
        assert AuditEntry.objects.filter(verb="content.searched").count() == 2


# -- content policy --------------------------------------------------------------------------------


def test_an_admin_decides_what_is_kept(ada_client: AccountClient, acme: Account) -> None:
    response = ada_client.post("/console/content/", {"keep": "redacted", "days": "14"})

    assert response.status_code == 302
    with in_account(acme):
        assert (content_policy("console").keep, content_policy("console").days) == ("redacted", 14)
        entry = AuditEntry.objects.get(verb="content_policy.set")
    assert entry.before == {"keep": "metadata", "days": 30}


def test_a_policy_that_keeps_nobody_s_content_says_so(
    ada_client: AccountClient, acme: Account, mia: User
) -> None:
    ada_client.post("/console/content/", {"keep": "full", "days": "14"})
    warned = ada_client.get("/console/content/").content.decode()
    with in_account(acme):
        place = Membership.objects.get(member__user=mia, is_primary=True)
        set_feature(
            product="console",
            node=path_of(PRODUCT, place)[0],
            feature=CONTENT_LOGGING,
            switch=Switch(is_on=True),
            actor=TESTS,
        )
    calm = ada_client.get("/console/content/").content.decode()

    assert "is on for nobody" in warned
    assert 'href="/console/features/"' in warned
    assert "is on for nobody" not in calm


def test_what_the_plan_withholds_is_not_kept(ada_client: AccountClient, acme: Account) -> None:
    with in_public():
        set_features(account=acme, product="console", features=(PLAYGROUND,), actor=TESTS)

    response = ada_client.post("/console/content/", {"keep": "full", "days": "14"})

    assert response.status_code == 422
    assert "super admin" in text_of(response)


def test_days_have_bounds(ada_client: AccountClient) -> None:
    response = ada_client.post("/console/content/", {"keep": "full", "days": "4000"})

    assert response.status_code == 422


# -- costs -----------------------------------------------------------------------------------------


def test_costs_show_ones_own_or_what_one_administers(
    mia_client: AccountClient, ada_client: AccountClient, acme: Account, mia: User
) -> None:
    log_of(acme, mia, status_code=429, error_code="rate_limit_exceeded")

    own, all_of_it = mia_client.get("/console/costs/"), ada_client.get("/console/costs/")

    assert own.context["part"].is_own
    assert not all_of_it.context["part"].is_own
    assert ada_client.get("/console/costs/", {"whose": "mine"}).context["part"].is_own
    assert "/console/performance/?days=30&amp;whose=mine" in own.content.decode()
    header = mia_client.get("/console/costs/export.csv").content.decode().splitlines()[0]
    assert header == "by,id,name,calls,errors,tokens,cost usd,credits"


# -- playground ------------------------------------------------------------------------------------


def test_performance_is_of_ones_own_calls_or_of_what_one_administers(
    mia_client: AccountClient, ada_client: AccountClient, acme: Account, mia: User, theo: User
) -> None:
    log_of(acme, mia, status_code=429, error_code="rate_limit_exceeded")
    log_of(acme, mia, latency_ms=1_234)
    log_of(acme, theo, llm="his", latency_ms=50)

    own = mia_client.get("/console/performance/")
    every = ada_client.get("/console/performance/", {"days": "1", "measure": "first", "p": "50"})
    one = ada_client.get("/console/performance/", {"llm": "his"})

    assert (own.context["total"].calls, own.context["total"].p50) == (2, 1_234)
    assert [name for name, *_ in own.context["by_llm"]] == ["gpt-5"]
    assert "rate_limit_exceeded" in text_of(own)
    assert "1,234 ms" in text_of(own)
    assert [name for name, *_ in every.context["by_llm"]] == ["gpt-5", "his"]
    assert every.context["total"].p50 == 80
    assert (one.context["total"].calls, one.context["total"].p95) == (1, 50)


@pytest.mark.parametrize(
    "asked",
    [
        {"days": "x"},
        {"p": "101"},
        {"measure": "steps"},
        {"llm": "a\x00b"},
        {"llm": "none of these"},
    ],
)
def test_performance_of_what_makes_no_sense_is_a_page(
    mia_client: AccountClient, asked: dict[str, str]
) -> None:
    assert mia_client.get("/console/performance/", asked).status_code == 200


def test_the_playground_offers_what_one_may_call(mia_client: AccountClient, acme: Account) -> None:
    llm = LlmFactory(offered_to=acme, name="some-llm")
    with in_account(acme):
        switch_llm_on(product="console", llm_id=llm.pk, llm_name=llm.name, actor=TESTS)

    setup = mia_client.get("/console/playground/").context["setup"]

    assert [each["name"] for each in setup["llms"]] == ["some-llm"]
    assert setup["token_url"] == "/api/console/v1/session-token"
    assert setup["replay"] is None


def test_where_the_feature_is_off_the_playground_says_so(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    with in_account(acme):
        place = Membership.objects.get(member__user=mia, is_primary=True)
        set_feature(
            product="console",
            node=path_of(PRODUCT, place)[-2],
            feature=PLAYGROUND,
            switch=Switch(is_on=False),
            actor=TESTS,
        )

    response = mia_client.get("/console/playground/")

    assert response.status_code == 403
    assert "The playground is off for you" in text_of(response)


def test_who_has_no_seat_is_told(ada_client: AccountClient) -> None:
    assert ada_client.get("/console/playground/").status_code == 200
    assert "no seat" in text_of(ada_client.get("/console/playground/")).lower()


def test_a_call_is_played_again_from_its_log(
    mia_client: AccountClient, acme: Account, mia: User, theo: User
) -> None:
    llm = LlmFactory(offered_to=acme, name="gpt-5")
    with in_account(acme):
        switch_llm_on(product="console", llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    hers, his = log_of(acme, mia, said=SAID), log_of(acme, theo, said=SAID)

    replayed = mia_client.post("/console/playground/", {"log": str(hers.request_id)})
    looked = mia_client.get("/console/playground/", {"log": str(hers.request_id)})
    others = mia_client.post("/console/playground/", {"log": str(his.request_id)})

    assert replayed.context["setup"]["replay"] == SAID["request"]
    assert replayed.context["setup"]["chosen"] == "gpt-5"
    # A link that somebody is sent reads nothing.
    assert looked.context["setup"]["replay"] is None
    assert others.context["setup"]["replay"] is None
    with in_account(acme):
        assert AuditEntry.objects.filter(verb="content.viewed").count() == 1


def test_keys_of_the_menu_are_ones_own(
    mia_client: AccountClient, acme: Account, mia: User, theo: User
) -> None:
    with in_account(acme):
        for user, name in ((mia, "hers"), (theo, "his")):
            place = Membership.objects.get(member__user=user, is_primary=True)
            create_key(account=acme, membership=place, name=name, actor=TESTS)
        set_content_policy(
            product="console", keep="metadata", days=30, may_keep_content=False, actor=TESTS
        )

    menus = mia_client.get(LOGS).context["menus"]

    assert [name for _, name in menus["keys"]] == ["hers"]
