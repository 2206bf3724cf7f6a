"""What admins do on the credits pages: inline amounts, splits, overrides, undo, caps, files."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.credits.models import Act, AllocationRule, Cap, Wallet
from core.credits.selectors import balance_of, open_cycle_of
from core.hierarchy.selections import unallocated_id
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from core.ui.product.credits import splits
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of, whole
from tests.factories.credits import allocate, override, seats, split

HTMX = {"HX-Request": "true"}


@pytest.fixture
def home(branch: ProductBranch) -> str:
    return f"/{branch.product.slug}/credits/"


@pytest.fixture
def shared(acme: Account, branch: ProductBranch) -> list[Wallet]:
    """Mia and two seats share 90 of the team's 400."""
    with in_account(acme):
        wallets = [branch.place.wallet, *seats(branch.team.wallet, 2)]
        split(branch.team.wallet, wallets, whole(90))
    return wallets


def free_in(acme: Account, wallet: Wallet) -> int:
    with in_account(acme):
        return balance_of(wallet).free


def rule_of(acme: Account, wallet: Wallet) -> AllocationRule | None:
    with in_account(acme):
        return AllocationRule.objects.filter(wallet=wallet).first()


def nonce() -> str:
    return str(uuid7())


def test_a_branch_comes_as_rows(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    response = ada_client.get(f"{home}branch/{branch.team.wallet_id}/", headers=HTMX)

    text = text_of(response)
    assert "Mia Member" in text
    assert "<html" not in text
    whole_page = ada_client.get(f"{home}branch/{branch.team.wallet_id}/")
    assert whole_page["Location"] == f"{home}?open={branch.team.pk}"


def seen_in(response: Any) -> str:
    """Return the mark that a preview brings along."""
    found = re.search(r'name="seen" value="([0-9a-f]{32})"', text_of(response))
    assert found is not None
    return found[1]


def test_an_amount_typed_in_a_row_counts_at_once(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}{branch.place.wallet_id}/amount/"

    response = ada_client.post(path, {"amount": "12.5", "nonce": nonce()}, headers=HTMX)

    assert response.status_code == 200
    assert 'value="12.5"' in text_of(response)
    assert f'id="row-{branch.team.wallet_id}"' in text_of(response)
    assert free_in(acme, branch.place.wallet) == 12_500_000


@pytest.mark.parametrize(
    ("amount", "fault"),
    [
        ("many", "Enter a number of credits, such as 250 or 12.5."),
        ("-1", "Enter zero or more credits."),
        ("", "This field is required."),
        ("401", "Content has 400 credits free; this takes 401."),
    ],
)
def test_a_typed_amount_that_cannot_be_comes_back_with_its_fault(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    home: str,
    amount: str,
    fault: str,
) -> None:
    path = f"{home}{branch.place.wallet_id}/amount/"

    response = ada_client.post(path, {"amount": amount, "nonce": nonce()}, headers=HTMX)

    assert response.status_code == 422
    assert fault in text_of(response)
    assert f'value="{amount}"' in text_of(response)
    assert rule_of(acme, branch.place.wallet) is None


def test_search_finds_members_and_teams(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    rows = ada_client.get(home, {"q": "mia"}).context["tree"].rows
    teams = ada_client.get(home, {"q": "conte"}).context["tree"].rows

    assert [row.label for row in rows] == ["Mia Member in Content"]
    assert [row.label for row in teams] == ["Content"]


def test_a_split_is_seen_before_it_is_applied(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}{branch.team.wallet_id}/split/"
    form = {"level": "membership", "total": "100", "nonce": nonce()}

    preview = ada_client.get(path, form, headers=HTMX)
    before = free_in(acme, branch.place.wallet)
    unseen = ada_client.post(path, {**form, "apply": "1"})
    form["seen"] = seen_in(preview)
    applied = ada_client.post(path, {**form, "apply": "1"})

    assert "100 over 2: each gets 50" in text_of(preview)
    assert "Mia Member in Content" in text_of(preview)
    assert 'name="seen"' in text_of(preview)
    assert unseen.status_code == 409
    assert "Look at what it would do" in text_of(unseen)
    assert (before, applied.status_code) == (0, 302)
    assert free_in(acme, branch.place.wallet) == whole(50)
    again = ada_client.post(path, {**form, "apply": "1"})
    assert again.status_code == 302
    assert free_in(acme, branch.place.wallet) == whole(50)


def test_a_split_of_others_than_were_seen_is_shown_again(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}{branch.team.wallet_id}/split/"
    form = {"level": "membership", "total": "100", "nonce": nonce()}
    form["seen"] = seen_in(ada_client.get(path, form, headers=HTMX))
    with in_account(acme):
        allocate(branch.place.wallet, whole(7))

    late = ada_client.post(path, {**form, "apply": "1"})

    assert late.status_code == 409
    assert "has changed since." in text_of(late)
    assert free_in(acme, branch.place.wallet) == whole(7)
    form["seen"] = seen_in(late)
    assert ada_client.post(path, {**form, "apply": "1"}).status_code == 302


def test_a_split_that_cannot_be_says_who_lacks(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}{branch.team.wallet_id}/split/"
    form = {"level": "membership", "total": "401", "nonce": nonce()}

    preview = ada_client.get(path, form, headers=HTMX)
    seen = seen_in(preview)
    refused = ada_client.post(path, {**form, "apply": "1", "seen": seen})

    assert "One node lacks credits for it." in text_of(preview)
    assert "lacks 1" in text_of(preview)
    assert refused.status_code == 422
    assert "Content has 400 credits free; this takes 401." in text_of(refused)
    assert free_in(acme, branch.place.wallet) == 0


def test_a_split_seen_in_a_cycle_that_has_ended_is_refused(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    form = {"level": "membership", "total": "10", "nonce": nonce(), "cycle": nonce()}

    response = ada_client.post(f"{home}{branch.team.wallet_id}/split/", {**form, "apply": "1"})

    assert response.status_code == 422
    assert "The cycle has ended since." in text_of(response)


def test_those_ticked_share_what_the_nearest_above_them_has(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    response = ada_client.get(f"{home}split/", {"wallet": str(branch.place.wallet_id)})

    assert response["Location"].startswith(f"{home}{branch.team.wallet_id}/split/?wallet=")
    assert ada_client.get(response["Location"]).status_code == 200


def test_nothing_ticked_is_everybody(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    with in_account(acme):
        everything = unallocated_id(branch.product)

    assert ada_client.get(f"{home}split/")["Location"] == f"{home}{everything}/split/"


def test_both_outcomes_of_an_override_are_shown(
    ada_client: AccountClient, branch: ProductBranch, shared: list[Wallet], home: str
) -> None:
    path = f"{home}{shared[0].pk}/override/"

    response = ada_client.get(path, {"amount": "50"})

    pinned, added = response.context["outcomes"]
    shares = [row.change.after.amount for row in pinned.rows if row.change.after]
    assert sorted(shares)[:3] == [whole(20), whole(20), whole(50)]
    assert added.plan.changes[0].free_after == whole(290)


@pytest.mark.parametrize(("how", "left"), [("pinned", 310), ("added", 290)])
def test_an_override_is_applied_as_chosen(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    shared: list[Wallet],
    home: str,
    how: str,
    left: int,
) -> None:
    path = f"{home}{shared[0].pk}/override/"

    response = ada_client.post(path, {"amount": "50", "how": how, "nonce": nonce()})

    assert response.status_code == 302
    assert free_in(acme, shared[0]) == whole(50)
    assert free_in(acme, branch.team.wallet) == whole(left)
    assert f'title="{how.capitalize()}' in text_of(
        ada_client.get(home, {"open": str(branch.team.pk)})
    )


def test_an_override_can_end(
    ada_client: AccountClient, acme: Account, shared: list[Wallet], home: str
) -> None:
    with in_account(acme):
        override(shared[0], whole(50), "pinned")

    ada_client.post(f"{home}{shared[0].pk}/override/", {"how": "end", "nonce": nonce()})

    assert free_in(acme, shared[0]) == whole(30)


def test_an_override_outside_a_split_is_explained(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    response = ada_client.get(f"{home}{branch.team.wallet_id}/override/")

    assert response.status_code == 409
    assert "This node is not part of an equal split." in text_of(response)


def test_an_act_is_undone_from_the_page(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, shared: list[Wallet], home: str
) -> None:
    with in_account(acme):
        act = Act.objects.get(verb="credits.split")
    assert f"/credits/acts/{act.pk}/undo/" in text_of(ada_client.get(home))

    response = ada_client.post(f"{home}acts/{act.pk}/undo/", follow=True)

    assert "Undone: the credits are back." in text_of(response)
    assert free_in(acme, branch.team.wallet) == whole(400)
    again = ada_client.post(f"{home}acts/{act.pk}/undo/", follow=True)
    assert "This was undone before." in text_of(again)


def test_an_undo_says_how_much_could_go_back(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, shared: list[Wallet], home: str
) -> None:
    with in_account(acme):
        branch.call(whole(20))
        act = Act.objects.get(verb="credits.split")

    response = ada_client.post(f"{home}acts/{act.pk}/undo/", follow=True)

    assert "Of 90 credits, 70 can still go back" in text_of(response)


def test_credits_pass_between_siblings(
    ada_client: AccountClient, acme: Account, shared: list[Wallet], home: str
) -> None:
    form = {"to": str(shared[1].pk), "amount": "10", "nonce": nonce()}
    # Seats without a member are nobody's: only the team's own people are offered.
    response = ada_client.post(f"{home}{shared[0].pk}/pass-on/", form)

    assert response.status_code == 422


def test_a_cap_is_set_and_removed(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    node = f"{home}{branch.team.wallet_id}/"

    ada_client.post(f"{node}caps/", {"window": "day", "amount": "25"})
    with in_account(acme):
        cap = Cap.objects.get(subject=branch.team.pk)
    shown = text_of(ada_client.get(node))
    ada_client.post(f"{node}caps/{cap.pk}/remove/")

    assert cap.amount == whole(25)
    assert "25 each Day" in shown
    with in_account(acme):
        assert not Cap.objects.exists()


def test_the_nodes_page_says_what_it_can_spend_and_why(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    text = text_of(ada_client.get(f"{home}{branch.place.wallet_id}/"))

    assert "400 credits, taken in this order:" in text
    assert "the nearest above with an allocation" in text


def test_a_statement_opens_moves_and_closes(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    with in_account(acme):
        allocate(branch.place.wallet, whole(50))
        branch.call(whole(20))

    response = ada_client.get(f"{home}{branch.place.wallet_id}/statement.csv")

    lines = response.content.decode().splitlines()
    assert lines[1] == ",opening balance,,0,,0"
    assert ",allocation,Content,50,,50" in lines[2]
    assert lines[3:] == [",used by calls,,-20,,", ",closing balance,,30,,"]


def test_a_reason_does_not_run_in_a_spreadsheet(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    page = f"{home}{branch.place.wallet_id}/"
    sent = {"act": "top_up", "amount": "5", "reason": "-1+1", "nonce": nonce()}
    ada_client.post(page, sent)
    ada_client.post(page, {**sent, "act": "reclaim", "reason": "Back", "nonce": nonce()})

    lines = ada_client.get(f"{page}statement.csv").content.decode().splitlines()

    assert ",top-up,Content,5,'-1+1,5" in lines[2]
    assert ",reclaim,Content,-5,Back,0" in lines[3]


def test_a_search_takes_any_letters(ada_client: AccountClient, home: str) -> None:
    assert ada_client.get(f"{home}?q=%00mia%00").status_code == 200


def test_allocations_go_out_and_come_in(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    answer = ada_client.get(f"{home}allocations.csv")
    out = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert f"{branch.team.wallet_id},team,Marketing,Content,,400,0,400" in out
    changed = out.replace("Content,,400,0,400", "Content,,350,0,400")
    file = SimpleUploadedFile("credits.csv", changed.encode(), content_type="text/csv")
    sent = nonce()

    dry = ada_client.post(f"{home}import/", {"file": file, "nonce": sent})

    assert "Set one allocation" in text_of(dry)
    assert free_in(acme, branch.team.wallet) == whole(400)
    seen = dry.context["plan"].mark
    with in_account(acme):
        allocate(branch.team.wallet, whole(390))
    applied = {"text": changed, "nonce": sent, "apply": "1", "seen": seen}
    late = ada_client.post(f"{home}import/", applied)
    assert "Allocations have changed since." in text_of(late)
    assert free_in(acme, branch.team.wallet) == whole(390)
    applied["seen"] = late.context["plan"].mark
    ada_client.post(f"{home}import/", applied)
    assert free_in(acme, branch.team.wallet) == whole(350)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,b\n1,2\n", "The file needs the columns wallet and allocation."),
        ("wallet,allocation\nnobody,5\n", "There is no such node that you may change."),
        ("wallet,allocation\nTEAM,-5\n", "Enter zero or more credits."),
        ("wallet,allocation\nTEAM,lots\n", "Enter a number of credits"),
        ("wallet,allocation\nTEAM,1\nTEAM,2\n", "This node stands here twice."),
        ("wallet,allocation\nTEAM,601\n", "Marketing lacks 1 credits for it."),
    ],
)
def test_a_file_with_a_fault_moves_nothing(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    home: str,
    text: str,
    fault: str,
) -> None:
    sent = text.replace("TEAM", str(branch.team.wallet_id))

    response = ada_client.post(f"{home}import/", {"text": sent, "nonce": nonce(), "apply": "1"})

    assert fault in text_of(response)
    assert free_in(acme, branch.team.wallet) == whole(400)


def test_an_earlier_cycle_that_is_not_there_is_not_there(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    assert ada_client.get(home, {"cycle": "7"}).status_code == 404
    assert ada_client.get(home, {"cycle": "x"}).status_code == 404
    assert ada_client.get(home, {"cycle": "1"}).status_code == 200


def test_many_members_take_as_many_queries_as_few(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    home: str,
    django_assert_max_num_queries: Any,
) -> None:
    path = f"{home}branch/{branch.team.wallet_id}/"
    ada_client.get(path, headers=HTMX)
    with django_assert_max_num_queries(30) as few:
        ada_client.get(path, headers=HTMX)
    with in_account(acme):
        cycle = open_cycle_of(branch.book)
        for wallet in seats(branch.team.wallet, 30):
            assert wallet.balances.filter(cycle=cycle).exists()

    with django_assert_max_num_queries(30) as many:
        ada_client.get(path, headers=HTMX)

    assert len(many) == len(few)


def test_both_outcomes_of_an_override_begin_with_whom_it_is_about(
    ada_client: AccountClient, home: str, shared: list[Wallet]
) -> None:
    page = text_of(ada_client.get(f"{home}{shared[0].pk}/override/?amount=40", headers=HTMX))

    assert re.findall(r"<tbody> <tr> <td> ([^<]+?) <", page) == ["Mia Member in Content"] * 2


def test_a_smaller_split_says_what_goes_back_up(
    ada_client: AccountClient, branch: ProductBranch, acme: Account, home: str
) -> None:
    with in_account(acme):
        source = unallocated_id(branch.product)
        unallocated = Wallet.objects.select_related("book").get(pk=source)
        split(unallocated, [branch.place.wallet], whole(90))
    wanted = f"&wallet={branch.place.wallet_id}"

    page = text_of(
        ada_client.get(f"{home}{source}/split/?total=30&nonce={nonce()}{wanted}", headers=HTMX)
    )

    assert "60 go back up through it" in page


def test_a_long_preview_goes_on_line_by_line(
    ada_client: AccountClient, branch: ProductBranch, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "MOST_ROWS", 2)
    at = f"{home}{branch.organization.wallet_id}/split/"
    sent = {"level": "membership", "total": "9", "nonce": nonce()}

    first = ada_client.get(at, sent)
    rest = ada_client.get(at, {**sent, "start": "2"}, headers=HTMX).content.decode()

    every = first.context["plan"].wallets
    assert len(every) > 3
    assert (first.context["more_at"], first.context["rows_left"]) == (2, len(every) - 2)
    later = ada_client.get(at, {**sent, "start": "2"}).context["rows"]
    assert len({row.change.wallet for row in (*first.context["rows"], *later)}) == 4
    assert all(row.label in rest for row in later)
    assert "<form" not in rest
