"""A POST with an Idempotency-Key is done once, whatever happens on the way."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from rest_framework.response import Response

from core.api import idempotency
from core.api.models import StoredAnswer
from core.hierarchy.product import Product, product_named
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.api.rest import Rest, refused
from tests.threads import run_together

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def copilot() -> Product:
    return product_named("copilot")


@pytest.fixture
def rest(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, copilot: Product
) -> Rest:
    return Rest(client_for(ada, acme), copilot)


def organizations(rest: Rest) -> list[str]:
    return [item["name"] for item in rest.get("organizations").json()["items"]]


def test_the_same_call_again_gets_the_first_answer(rest: Rest) -> None:
    first = rest.post("organizations", {"name": "Sales"}, **KEY)
    again = rest.post("organizations", {"name": "Sales"}, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["ETag"] == first["ETag"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert organizations(rest).count("Sales") == 1


def test_a_link_that_is_shown_once_is_replayed_and_never_stored_in_the_clear(
    rest: Rest, acme: Account
) -> None:
    first = rest.post("members", {"email": "new@acme.example"}, **KEY)
    again = rest.post("members", {"email": "new@acme.example"}, **KEY)

    link = first.json()["invitation"]["link"]
    assert again.json()["invitation"]["link"] == link
    with in_account(acme):
        stored = StoredAnswer.objects.get()
    assert link not in f"{stored.body}{stored.headers}"
    assert "new@acme.example" not in stored.body


def test_a_refusal_is_an_answer_too(rest: Rest) -> None:
    first = rest.post("organizations", {"name": ""}, **KEY)
    again = rest.post("organizations", {"name": ""}, **KEY)

    assert refused(first) == refused(again) == (422, "invalid_input")
    assert again["Idempotency-Replayed"] == "true"


def test_a_conflict_may_succeed_later(rest: Rest) -> None:
    taken = rest.post("organizations", {"name": "Marketing"}, **KEY)
    at = rest.get("organizations", {"q": "Marketing"}).json()["items"][0]["id"]
    rest.patch(f"organizations/{at}", {"name": "Brand"})

    again = rest.post("organizations", {"name": "Marketing"}, **KEY)

    assert refused(taken) == (409, "name_taken")
    assert (again.status_code, again.json()["name"]) == (201, "Marketing")


def test_another_body_path_or_query_is_a_mismatch(rest: Rest) -> None:
    rest.post("organizations", {"name": "Sales"}, **KEY)

    for path, body in (
        ("organizations", {"name": "Other"}),
        ("teams", {"name": "Sales"}),
        ("members/bulk?preview=1", {"items": []}),
    ):
        assert refused(rest.post(path, body, **KEY)) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 201, "tab\there"])
def test_a_key_that_is_none_is_refused(rest: Rest, key: str) -> None:
    answer = rest.post("organizations", {"name": "Sales"}, **{"Idempotency-Key": key})

    assert refused(answer) == (400, "idempotency_key_invalid")


def test_quotation_marks_do_not_belong_to_the_key(rest: Rest) -> None:
    rest.post("organizations", {"name": "Sales"}, **{"Idempotency-Key": '"abc"'})

    again = rest.post("organizations", {"name": "Sales"}, **{"Idempotency-Key": "abc"})

    assert again["Idempotency-Replayed"] == "true"


def test_a_key_is_its_senders_and_its_accounts_alone(
    rest: Rest,
    client_for: Callable[..., AccountClient],
    eve: User,
    globex: Account,
    copilot: Product,
) -> None:
    eves = Rest(client_for(eve, globex), copilot)
    rest.post("organizations", {"name": "Sales"}, **KEY)

    hers = eves.post("organizations", {"name": "Sales"}, **KEY)

    assert (hers.status_code, "Idempotency-Replayed" in hers) == (201, False)


def test_an_answer_is_kept_for_a_day(rest: Rest, acme: Account, as_job: Callable[..., Any]) -> None:
    with in_account(acme), time_machine.travel(AT, tick=False):
        answer(lambda: Response({"n": 1}))
    with in_public(), time_machine.travel(AT, tick=False):
        answer(lambda: Response({"n": 1}))

    with time_machine.travel(AT + timedelta(hours=23), tick=False), in_account(acme):
        assert answer(lambda: Response({"n": 2})).data == {"n": 1}
    with time_machine.travel(AT + timedelta(hours=25), tick=False):
        with in_account(acme):
            assert answer(lambda: Response({"n": 3})).data == {"n": 3}
        as_job("platform.sweep_answers")
        with in_public():
            assert not StoredAnswer.objects.exists()
    with time_machine.travel(AT + timedelta(hours=50), tick=False):
        assert as_job("api.sweep_answers", account=acme) == 1


# -- the store itself ------------------------------------------------------------------------------


def answer(handler: Callable[[], Response], *, key: str = "k", fingerprint: str = "f") -> Response:
    return idempotency.run_once(handler, principal="user:1", key=key, fingerprint=fingerprint)


def test_a_call_that_still_runs_makes_the_others_wait(in_acme: Account) -> None:
    def first() -> Response:
        with pytest.raises(idempotency.StillRunning) as caught:
            answer(lambda: Response("second"))
        return Response(caught.value.extensions)

    assert answer(first).data == {"retry_after_seconds": 5}


def test_a_claim_of_a_process_that_died_is_taken_over(in_acme: Account) -> None:
    with time_machine.travel(AT, tick=False):
        idempotency._claim(principal="user:1", key="k", fingerprint="f")
    with time_machine.travel(AT + timedelta(seconds=121), tick=False):
        assert answer(lambda: Response("second")).data == "second"


def test_who_was_overtaken_changes_nothing(in_acme: Account) -> None:
    def slow() -> Response:
        User.objects.create(email="slow@acme.example")
        StoredAnswer.objects.update(claimed_at=AT)
        answer(lambda: Response("overtaker"))
        return Response("slow")

    with pytest.raises(idempotency.StillRunning):
        answer(slow)

    assert not User.objects.filter(email="slow@acme.example").exists()


def test_a_server_error_undoes_and_forgets(in_acme: Account) -> None:
    def broken() -> Response:
        User.objects.create(email="half@acme.example")
        return Response({"status": 500}, status=500)

    assert answer(broken).status_code == 500
    assert not User.objects.filter(email="half@acme.example").exists()
    assert answer(lambda: Response("fine")).data == "fine"


def test_what_interrupts_the_call_gives_the_key_up(in_acme: Account) -> None:
    def interrupted() -> Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer(interrupted)

    assert not StoredAnswer.objects.exists()


@pytest.mark.race
@pytest.mark.slow
def test_of_many_calls_at_once_one_is_done(transactional_accounts: None, acme: Account) -> None:
    done: list[int] = []

    def call(number: int) -> str:
        def handler() -> Response:
            done.append(number)
            time.sleep(0.2)
            return Response({"by": number})

        try:
            with in_account(acme):
                return str(answer(handler).data)
        except idempotency.StillRunning:
            return "later"

    answers = run_together([partial(call, number) for number in range(8)])

    assert len(done) == 1
    assert set(answers) <= {"later", f"{{'by': {done[0]}}}"}
    assert call(99) == f"{{'by': {done[0]}}}"
