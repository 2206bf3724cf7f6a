"""What accounts owe for overflow: the list, one in full, files, and the way to being paid."""

import csv
from io import StringIO
from typing import Any

import pytest

from core.audit.models import AuditEntry
from core.credits.models import Book, OverflowStatement, Wallet
from core.hierarchy.product import product_named
from core.kit.ids import uuid7
from core.tenancy.context import in_account, in_public
from tenants.models import Account, StatementSummary
from tenants.services.credits import Terms, set_credit_terms
from tenants.services.statements import push_statements
from tests.cast import ORGANIZATION, TESTS
from tests.clients import AccountClient
from tests.factories.credits import call_context, hold, settle
from tests.factories.cycles import renew

LIST = "/tenants/statementsummary/"
CREDIT = 1_000_000


def _draw(account: Account, amount: int, product: str = "copilot") -> StatementSummary:
    """Let an account draw overflow in a cycle, close that, and push the statement."""
    set_credit_terms(account=account, product=product, terms=Terms(0, 900 * CREDIT), actor=TESTS)
    with in_account(account):
        book = Book.objects.get(product=product)
        organization = product_named(product).organization._default_manager.get(name=ORGANIZATION)
        wallet: Any = organization.wallet
        assert isinstance(wallet, Wallet)
        if amount:
            context = call_context(
                product=product,
                organization_id=organization.pk,
                labels={str(organization.pk): "Łódź & Söhne 東京"},
            )
            settle(hold(wallet, amount, context=context), amount)
        renew(book)
        statement = OverflowStatement.objects.get(book=book)
    push_statements(account=account)
    return StatementSummary.objects.get(pk=statement.pk)


@pytest.fixture
def owed(acme: Account) -> StatementSummary:
    """Acme owes for 12.5 credits."""
    return _draw(acme, 12_500_000)


def _rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(StringIO(answer.content.decode())))


def test_the_list_shows_what_is_to_bill(
    sam_client: AccountClient, owed: StatementSummary, globex: Account
) -> None:
    nothing = _draw(globex, 0)

    page = sam_client.get(LIST).content.decode()
    everything = sam_client.get(f"{LIST}?state=all").content.decode()

    assert f"/statements/{owed.pk}/" in page
    assert "12.50" in page
    assert f"/statements/{nothing.pk}/" not in page
    assert f"/statements/{nothing.pk}/" in everything
    assert (
        f"/statements/{owed.pk}/" not in sam_client.get(f"{LIST}?product=console").content.decode()
    )
    assert f"/statements/{owed.pk}/" in sam_client.get(f"{LIST}?q=acm").content.decode()
    assert f"/statements/{owed.pk}/" not in sam_client.get(f"{LIST}?q=globex").content.decode()


def test_the_list_asks_as_often_for_many_as_for_few(
    sam_client: AccountClient, owed: StatementSummary, django_assert_num_queries: Any
) -> None:
    sam_client.get(LIST)
    with django_assert_num_queries(_queries(sam_client)):
        sam_client.get(LIST)
    before = _queries(sam_client)
    StatementSummary.objects.bulk_create(
        StatementSummary(
            id=uuid7(),
            account=owed.account,
            product="copilot",
            cycle_number=number,
            starts_at=owed.starts_at,
            ends_at=owed.ends_at,
            used_microcredits=5,
            covered_microcredits=0,
            amount_microcredits=5,
            limit_microcredits=10,
            state="open",
            frozen_at=owed.frozen_at,
        )
        for number in range(10, 40)
    )

    assert _queries(sam_client) == before


def _queries(client: AccountClient) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get(LIST)
    return len(captured)


def test_a_statement_says_who_drew_it(sam_client: AccountClient, owed: StatementSummary) -> None:
    page = sam_client.get(f"/statements/{owed.pk}/").content.decode()

    assert "Łódź &amp; Söhne 東京" in page
    assert "gpt-5" in page
    assert "12.5 exactly" in page


def test_a_statement_is_invoiced_then_settled(
    sam_client: AccountClient, acme: Account, owed: StatementSummary
) -> None:
    at = f"/statements/{owed.pk}/"

    sam_client.post(f"{at}invoice/", {"reference": "INV-7", "reason": "November"})
    owed.refresh_from_db()
    assert (owed.state, owed.reference) == ("invoiced", "INV-7")
    assert owed.invoiced_at is not None

    answer = sam_client.post(f"{at}settle/", {"reason": "Paid on the 3rd"}, follow=True)
    owed.refresh_from_db()
    assert owed.state == "settled"
    assert "The statement is settled." in answer.content.decode()
    with in_public():
        verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"account.overflow_invoiced", "account.overflow_settled"} <= verbs
    with in_account(acme):
        entry = AuditEntry.objects.get(verb="credits.statement_settled")
        assert entry.reason == "Paid on the 3rd"
        assert OverflowStatement.objects.get(pk=owed.pk).state == "settled"


@pytest.mark.parametrize(
    ("act", "form", "sentence"),
    [
        ("settle", {"reason": "Paid"}, "This statement is open, not invoiced."),
        ("invoice", {"reason": "  "}, "This field is required"),
        ("invoice", {"reason": "x", "reference": "x" * 121}, "at most 120 characters"),
    ],
)
def test_a_step_that_cannot_be_is_said(
    sam_client: AccountClient,
    owed: StatementSummary,
    act: str,
    form: dict[str, str],
    sentence: str,
) -> None:
    answer = sam_client.post(f"/statements/{owed.pk}/{act}/", form)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    owed.refresh_from_db()
    assert owed.state == "open"


def test_a_second_invoice_is_an_error(sam_client: AccountClient, owed: StatementSummary) -> None:
    form = {"reason": "November"}
    sam_client.post(f"/statements/{owed.pk}/invoice/", form)

    answer = sam_client.post(f"/statements/{owed.pk}/invoice/", form)

    assert answer.status_code == 422
    assert "This statement is invoiced, not open." in answer.content.decode()


def test_a_statement_that_does_not_exist_is_not_found(sam_client: AccountClient) -> None:
    for path in ("", "statement.pdf", "statement.csv"):
        assert sam_client.get(f"/statements/{uuid7()}/{path}").status_code == 404
    assert sam_client.post(f"/statements/{uuid7()}/invoice/", {"reason": "x"}).status_code == 404


def test_the_files_have_exact_amounts(
    sam_client: AccountClient, owed: StatementSummary, globex: Account
) -> None:
    _draw(globex, 0)

    every = _rows(sam_client.get("/statements/export.csv?state=all"))
    some = _rows(sam_client.get("/statements/export.csv?q=%00acme"))
    one = _rows(sam_client.get(f"/statements/{owed.pk}/statement.csv"))

    assert [row[0] for row in every] == ["account", "Globex", "Acme"]
    assert [row[0] for row in some] == ["account", "Acme"]
    assert some[1][2:4] == ["copilot", "1"]
    assert some[1][6:9] == ["12.5", "0", "12.5"]
    assert one[:2] == some
    assert ["Łódź & Söhne 東京", "12.5", "1"] in one


def test_a_name_does_not_run_in_a_spreadsheet(
    sam_client: AccountClient, acme: Account, owed: StatementSummary
) -> None:
    Account.objects.filter(pk=acme.pk).update(name="=1+1")

    assert _rows(sam_client.get("/statements/export.csv"))[1][0] == "'=1+1"


def test_the_pdf_is_one_with_any_name(
    sam_client: AccountClient, acme: Account, owed: StatementSummary
) -> None:
    Account.objects.filter(pk=acme.pk).update(name="Zażółć <b>& Ωμέγα " + "W" * 100)

    answer = sam_client.get(f"/statements/{owed.pk}/statement.pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="overflow-acme-copilot-1.pdf"'
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")
    assert b"DejaVu" in answer.content
    again = sam_client.get(f"/statements/{owed.pk}/statement.pdf")
    assert again.content == answer.content


def test_pushing_again_changes_nothing(acme: Account, owed: StatementSummary) -> None:
    push_statements(account=acme)

    assert StatementSummary.objects.get() == owed


def test_statements_are_listed_billed_and_fetched_over_rest(
    sam_client: AccountClient, owed: StatementSummary
) -> None:
    at = f"/api/superadmin/v1/overflow-statements/{owed.pk}"

    listed = sam_client.get("/api/superadmin/v1/overflow-statements", {"state": "open"}).json()
    others = sam_client.get("/api/superadmin/v1/overflow-statements", {"account": "globex"}).json()
    full = sam_client.get(at).json()
    lines = _rows(sam_client.get(f"{at}.csv"))
    pdf = sam_client.get(f"{at}.pdf")
    early = sam_client.post(f"{at}/settle", {"reason": "Paid"}, content_type="application/json")
    billed = sam_client.post(
        f"{at}/invoice", {"reference": "INV-7", "reason": "Due"}, content_type="application/json"
    ).json()
    paid = sam_client.post(f"{at}/settle", {"reason": "Paid"}, content_type="application/json")

    assert [(one["account"], one["amount"]) for one in listed["items"]] == [("acme", "12.5")]
    assert others["items"] == []
    assert (full["amount"], full["by_organization"][0]["name"]) == ("12.5", "Łódź & Söhne 東京")
    assert any("12.5" in cell for line in lines for cell in line)
    assert pdf.content[:5] == b"%PDF-"
    assert early.status_code == 409
    assert (billed["state"], billed["reference"]) == ("invoiced", "INV-7")
    assert paid.json()["state"] == "settled"


def test_cycles_of_an_account_are_read_over_rest(
    sam_client: AccountClient, owed: StatementSummary
) -> None:
    body = sam_client.get(
        "/api/superadmin/v1/accounts/acme/credit-cycles", {"product": "copilot"}
    ).json()

    newest, closed = body["items"][:2]
    assert (newest["state"], newest["billed"]) == ("open", None)
    assert (closed["overflow_used"], closed["billed"]) == ("12.5", "12.5")
    assert closed["statement"] == str(owed.pk)
    assert float(body["recommended_overflow"]) >= 12.5
