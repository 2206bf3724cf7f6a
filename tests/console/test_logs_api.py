"""Call logs and the content policy over REST."""

from collections.abc import Callable

import pytest

from console.product import PRODUCT
from core.audit.models import AuditEntry
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.console.pages.test_logs_page import SAID, log_of, settle_writing
from tests.core.api.rest import Rest, faults, refused

As = Callable[[User], Rest]


@pytest.fixture
def as_(client_for: Callable[..., AccountClient], acme: Account) -> As:
    """Speak to Console's API as somebody."""
    return lambda user: Rest(client_for(user, acme), PRODUCT)


def test_logs_are_listed_page_by_page(as_: As, mia: User, acme: Account) -> None:
    for number in range(3):
        log_of(acme, mia, llm=f"llm-{number}")

    first = as_(mia).get("logs", {"limit": "2"}).json()
    second = as_(mia).get("logs", {"limit": "2", "cursor": first["next"]}).json()

    assert [one["llm"] for one in first["items"]] == ["llm-2", "llm-1"]
    assert [one["llm"] for one in second["items"]] == ["llm-0"]
    assert second["next"] is None
    assert first["items"][0]["credits"] == "1.5"
    assert first["items"][0]["status"] == 200


def test_logs_are_filtered_and_bad_filters_named(as_: As, mia: User, acme: Account) -> None:
    log_of(acme, mia, llm="bad", status_code=429)
    log_of(acme, mia, llm="good")

    def found(**query: str) -> list[str]:
        return [one["llm"] for one in as_(mia).get("logs", query).json()["items"]]

    assert found(status="4xx") == ["bad"]
    assert found(status="429") == ["bad"]
    assert found(llm="good") == ["good"]
    assert found(dearer_than="2") == []
    wrong = as_(mia).get("logs", {"status": "sometimes", "slower_than_ms": "-1"})
    assert {where for where, _ in faults(wrong)} == {"?status", "?slower_than_ms"}


def test_one_log_in_full_and_what_was_said_apart(
    as_: As, mia: User, ada: User, acme: Account
) -> None:
    log = log_of(acme, mia, said=SAID)

    body = as_(ada).get(f"logs/{log.request_id}").json()
    said = as_(ada).post(f"logs/{log.request_id}/content").json()

    assert body["content"] == "full"
    assert body["steps"] == [{"step": "provider", "at": 5.0, "ms": 240.0}]
    assert "Lund" not in str(body)
    assert said == SAID
    with in_account(acme):
        assert AuditEntry.objects.filter(verb="content.viewed").count() == 1


def test_somebody_elses_log_is_not_there(as_: As, mia: User, theo: User, acme: Account) -> None:
    log = log_of(acme, theo, said=SAID)

    assert refused(as_(mia).get(f"logs/{log.request_id}"))[0] == 404
    assert refused(as_(mia).post(f"logs/{log.request_id}/content"))[0] == 404


def test_logs_are_followed(as_: As, mia: User, acme: Account) -> None:
    log_of(acme, mia, llm="before")
    settle_writing(acme)
    tail = as_(mia).get("logs/tail").json()["tail"]
    log_of(acme, mia, llm="after")
    settle_writing(acme)

    body = as_(mia).get("logs/tail", {"after": str(tail)}).json()

    assert [one["llm"] for one in body["items"]] == ["after"]
    assert body["tail"] > tail


def test_the_content_policy_is_read_by_all_and_changed_by_admins(
    as_: As, mia: User, ada: User
) -> None:
    assert as_(mia).get("content-policy").json() == {"keep": "metadata", "days": 30}
    assert refused(as_(mia).patch("content-policy", {"keep": "full"}))[0] == 403

    changed = as_(ada).patch("content-policy", {"keep": "redacted"}).json()

    assert changed == {"keep": "redacted", "days": 30}
    assert faults(as_(ada).patch("content-policy", {"days": 0})) == [("/days", "min_value")]
