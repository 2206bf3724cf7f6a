"""Accounts: creating them with all they need, and moving them between states."""

from decimal import Decimal

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from core.audit.models import AuditEntry
from core.credits.models import Book, Dormancy
from core.kit.ids import uuid7
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account, in_public
from core.tenancy.models import PolicyState
from core.tenancy.policy import policy_version
from tenants.errors import AlreadyInState, SlugTaken
from tenants.models import Account, AccountFigure, CreditFactor, CreditTerms, LlmOffer
from tenants.services import accounts as services
from tenants.services.credits import Terms
from tests.cast import TESTS
from tests.factories.tenants import LlmFactory
from tests.mailbox import Mailbox

CREDIT = 1_000_000


def test_an_account_starts_with_terms_credits_and_offers(any_database: None) -> None:
    llm = LlmFactory()

    made = services.create_account(
        name="  Initech ",
        slug="initech",
        admin_email="peter@initech.example",
        time_zone="America/Chicago",
        credit_factor=Decimal(120),
        terms={"copilot": Terms(500 * CREDIT, 50 * CREDIT), "console": Terms(0)},
        llms=[llm],
        actor=TESTS,
    )

    account = made.account
    assert (account.name, account.time_zone, account.state) == (
        "Initech",
        "America/Chicago",
        "active",
    )
    assert CreditFactor.objects.get(account=account).factor == 120
    assert {
        (row.product, row.grant_microcredits, row.overflow_limit_microcredits)
        for row in CreditTerms.objects.filter(account=account)
    } == {("copilot", 500 * CREDIT, 50 * CREDIT), ("console", 0, 0)}
    assert LlmOffer.objects.filter(account=account, llm=llm).count() == 2
    assert AccountFigure.objects.get(account=account, product="copilot").left_microcredits == (
        500 * CREDIT
    )
    with in_account(account):
        assert set(Book.objects.values_list("time_zone", flat=True)) == {"America/Chicago"}


def test_the_first_admin_gets_the_link_by_mail(
    any_database: None,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = services.create_account(
            name="Initech", slug="initech", admin_email="peter@initech.example", actor=TESTS
        )

    assert mailbox.link_to("peter@initech.example") == made.invitation_url


def test_two_accounts_of_one_form_are_one(any_database: None) -> None:
    account_id = uuid7()
    services.create_account(
        name="A", slug="one", admin_email="a@one.example", account_id=account_id, actor=TESTS
    )

    with pytest.raises(SlugTaken):
        services.create_account(
            name="A", slug="two", admin_email="a@one.example", account_id=account_id, actor=TESTS
        )

    assert Account.objects.filter(slug__in=("one", "two")).count() == 1


@pytest.mark.parametrize("slug", ["www", "gateway", "api", "new"])
def test_short_names_that_the_platform_needs_are_refused(any_database: None, slug: str) -> None:
    with pytest.raises(SlugTaken) as caught:
        services.create_account(name="X", slug=slug, admin_email="x@x.example", actor=TESTS)

    assert caught.value.extensions["errors"][0]["pointer"] == "/slug"


def test_a_public_host_is_no_accounts(any_database: None, settings: Settings) -> None:
    settings.PUBLIC_HOSTS = frozenset({"localhost", "admin-office.localhost"})

    with pytest.raises(SlugTaken):
        services.create_account(
            name="X", slug="admin-office", admin_email="x@x.example", actor=TESTS
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 121),
        ("name", "two\nlines"),
        ("slug", "Not a slug"),
        ("time_zone", "Mars/Olympus"),
        ("credit_factor", Decimal(0)),
        ("credit_factor", Decimal("NaN")),
    ],
)
def test_what_cannot_be_is_named(any_database: None, field: str, value: object) -> None:
    wanted = {"name": "X", "slug": "x", "admin_email": "x@x.example", field: value}

    with pytest.raises(InvalidInput) as caught:
        services.create_account(**wanted, actor=TESTS)  # type: ignore[arg-type]

    assert [error["pointer"] for error in caught.value.extensions["errors"]] == [f"/{field}"]


def test_a_bad_address_of_the_admin_leaves_nothing(any_database: None) -> None:
    with pytest.raises(InvalidInput):
        services.create_account(name="X", slug="x", admin_email="nonsense", actor=TESTS)

    assert not Account.objects.filter(slug="x").exists()


def test_a_rename_keeps_the_short_name(acme: Account) -> None:
    services.rename_account(account=acme, name=" Acme & Sons ", actor=TESTS)

    acme.refresh_from_db()
    assert (acme.name, acme.slug) == ("Acme & Sons", "acme")


def test_the_same_name_again_is_no_change(acme: Account) -> None:
    before = AuditEntry.objects.count()

    services.rename_account(account=acme, name="Acme", actor=TESTS)

    assert AuditEntry.objects.count() == before


def test_a_suspended_account_admits_nobody_and_can_be_restored(acme: Account) -> None:
    with in_account(acme):
        version = policy_version()

    suspended = services.suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    assert suspended.is_closed
    with in_account(acme):
        assert PolicyState.objects.get(pk=1).is_suspended
        assert policy_version() > version
    with in_public():
        assert AuditEntry.objects.first().reason == "Unpaid"  # type: ignore[union-attr]

    restored = services.restore_account(account=suspended, actor=TESTS)

    assert not restored.is_closed
    with in_account(acme):
        assert not PolicyState.objects.get(pk=1).is_suspended


def test_an_account_is_suspended_once(acme: Account) -> None:
    services.suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    with pytest.raises(AlreadyInState):
        services.suspend_account(account=acme, reason="Again", actor=TESTS)


def test_an_archived_account_remembers_when_and_can_come_back(acme: Account) -> None:
    archived = services.archive_account(account=acme, reason="Left us", actor=TESTS)

    assert archived.archived_at is not None

    restored = services.restore_account(account=archived, actor=TESTS)

    assert restored.archived_at is None


def test_an_archived_account_is_granted_nothing_for_the_cycles_it_misses(
    any_database: None, acme: Account
) -> None:
    services.archive_account(account=acme, reason="Left us", actor=TESTS)
    with in_account(acme):
        archived = Dormancy.objects.get()
        asleep_until = archived.ends_at
    services.restore_account(account=acme, actor=TESTS)

    with in_account(acme):
        archived.refresh_from_db()
    assert asleep_until is None
    assert archived.ends_at is not None


def test_a_suspended_account_goes_on_renewing(any_database: None, acme: Account) -> None:
    services.suspend_account(account=acme, reason="Unpaid", actor=TESTS)
    services.restore_account(account=acme, actor=TESTS)

    with in_account(acme):
        assert not Dormancy.objects.exists()
