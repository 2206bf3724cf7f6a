"""Accounts: create, rename, suspend, restore, archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.models import Book
from core.credits.services import dormancy, plans
from core.hierarchy.product import products
from core.hierarchy.services import nodes
from core.identity.mail import send_invitation
from core.identity.models import User
from core.identity.services import InvitationLink
from core.kit.clock import now
from core.kit.ids import uuid7
from core.kit.problems import InvalidInput
from core.tenancy.cloning import clone_template
from core.tenancy.context import in_account, schema_name_of
from core.tenancy.policy import set_suspended
from tenants.errors import AlreadyInState, SlugTaken
from tenants.installing import install_schema
from tenants.models import Account, AccountState, CreditFactor, Domain, Llm
from tenants.rules import is_credit_factor, is_slug, is_time_zone
from tenants.selectors import domain_of, invitation_url, slug_fault
from tenants.services.admins import add_admin
from tenants.services.credits import Terms, apply_terms
from tenants.services.figures import push_balances
from tenants.services.offers import offer_llms

ACCOUNT_CREATED = verbs.register(
    "account.created", "{actor} created the account {target}", icon="domain_add"
)
ACCOUNT_RENAMED = verbs.register(
    "account.renamed", "{actor} renamed the account {before[name]} to {after[name]}"
)
TIME_ZONE_SET = verbs.register(
    "account.time_zone_set",
    "{actor} moved {target} from the time zone {before[time_zone]} to {after[time_zone]}",
    icon="schedule",
)
ACCOUNT_SUSPENDED = verbs.register(
    "account.suspended", "{actor} suspended the account {target}", icon="pause_circle"
)
ACCOUNT_RESTORED = verbs.register(
    "account.restored", "{actor} restored the account {target}", icon="play_circle"
)
ACCOUNT_ARCHIVED = verbs.register(
    "account.archived", "{actor} archived the account {target}", icon="archive"
)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A new account and the link that its first admin signs in with."""

    account: Account
    admin: User
    link: InvitationLink

    @property
    def invitation_url(self) -> str:
        """The link to copy; the mail holds the same."""
        return invitation_url(self.account, self.link.token)


@transaction.atomic
def create_account(
    *,
    name: str,
    slug: str,
    admin_email: str,
    admin_name: str = "",
    time_zone: str = "UTC",
    credit_factor: Decimal = Decimal(100),
    terms: dict[str, Terms] | None = None,
    llms: Sequence[Llm] = (),
    account_id: UUID | None = None,
    actor: Actor,
) -> NewAccount:
    """Create an account: schema, domain, `global` organizations, books, terms, first admin.

    The LLMs are offered to both products. One transaction; it comes to well under a second, since
    the schema is a copy of the template. A caller that may repeat itself chooses `account_id`:
    the second time there is one already.

    Raises:
        SlugTaken: an account has the short name or the id, or the platform itself needs it.
        InvalidInput: a name, short name, time zone, factor or e-mail address that cannot be.
    """
    _check(name=name, slug=slug, time_zone=time_zone, credit_factor=credit_factor)
    fault = slug_fault(slug)
    if fault:
        _refuse_slug(fault)
    account_id = account_id or uuid7()
    account = Account(
        id=account_id,
        name=name.strip(),
        slug=slug,
        schema_name=schema_name_of(account_id),
        time_zone=time_zone,
    )
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            Domain.objects.create(tenant=account, domain=domain_of(slug), is_primary=True)
    except (IntegrityError, ValidationError):
        # Created between the question and the answer; the latter is django-tenants' own check.
        _refuse_slug(f"{slug} is taken. Short names are never used twice.")
    CreditFactor.objects.create(
        account=account, version=1, factor=credit_factor, created_by=actor.label
    )
    clone_template(account.schema_name)
    install_schema(account.schema_name)
    with in_account(account):
        for product in products():
            nodes.set_up_product(product=product, time_zone=time_zone, actor=actor)
        admin, link = add_admin(email=admin_email, name=admin_name, actor=actor)
    record(
        actor=actor,
        verb=ACCOUNT_CREATED,
        target=("account", account.pk, account.name),
        after={"slug": slug, "time_zone": time_zone, "credit_factor": str(credit_factor)},
    )
    # Console renews monthly, if nobody says otherwise.
    for product_slug, wanted in {"console": Terms(), **(terms or {})}.items():
        apply_terms(
            account=account, product=product_slug, terms=wanted, grant_now=True, actor=actor
        )
    for product in products():
        offer_llms(account=account, product=product.slug, llms=llms, actor=actor)
    push_balances(account=account)
    url = invitation_url(account, link.token)
    send_invitation(to=admin.email, invited_to=account.name, invited_by=actor.label, url=url)
    return NewAccount(account, admin, link)


@transaction.atomic
def rename_account(*, account: Account, name: str, actor: Actor) -> Account:
    """Change the name that people see; the short name stays.

    Raises:
        InvalidInput: the name is empty, too long or not printable.
    """
    name = name.strip()
    _check(name=name)
    before = account.name
    if name == before:
        return account
    account.name = name
    account.save(update_fields=("name",))
    record(
        actor=actor,
        verb=ACCOUNT_RENAMED,
        target=("account", account.pk, account.name),
        before={"name": before},
        after={"name": account.name},
    )
    return account


@transaction.atomic
def set_time_zone(*, account: Account, time_zone: str, reason: str = "", actor: Actor) -> Account:
    """Let the days of an account begin in another time zone.

    Days, weeks and months of caps follow at once, cycles when the open ones have ended.

    Raises:
        InvalidInput: there is no such time zone.
    """
    _check(name=account.name, time_zone=time_zone)
    account = Account.objects.select_for_update().get(pk=account.pk)
    before, account.time_zone = account.time_zone, time_zone
    if before == time_zone:
        return account
    account.save(update_fields=("time_zone",))
    with in_account(account):
        for book in Book.objects.order_by("product"):
            plans.set_time_zone(book=book, time_zone=time_zone, reason=reason, actor=actor)
    record(
        actor=actor,
        verb=TIME_ZONE_SET,
        target=("account", account.pk, account.name),
        before={"time_zone": before},
        after={"time_zone": time_zone},
        reason=reason,
    )
    push_balances(account=account)
    return account


@transaction.atomic
def suspend_account(*, account: Account, reason: str, actor: Actor) -> Account:
    """Stop logins, keys and tokens at once. Nothing is lost; `restore_account` opens it again.

    Raises:
        AlreadyInState: the account is not active.
    """
    return _move(
        account,
        AccountState.SUSPENDED,
        allowed_from=(AccountState.ACTIVE,),
        verb=ACCOUNT_SUSPENDED,
        reason=reason,
        actor=actor,
    )


@transaction.atomic
def restore_account(*, account: Account, reason: str = "", actor: Actor) -> Account:
    """Open a suspended or archived account again.

    Cycles that began and ended while it was archived are granted nothing.

    Raises:
        AlreadyInState: the account is open.
    """
    return _move(
        account,
        AccountState.ACTIVE,
        allowed_from=(AccountState.SUSPENDED, AccountState.ARCHIVED),
        verb=ACCOUNT_RESTORED,
        reason=reason,
        actor=actor,
    )


@transaction.atomic
def archive_account(*, account: Account, reason: str, actor: Actor) -> Account:
    """Close an account; its data stays for the books, and its credits do not renew.

    Raises:
        AlreadyInState: the account is archived already.
    """
    return _move(
        account,
        AccountState.ARCHIVED,
        allowed_from=(AccountState.ACTIVE, AccountState.SUSPENDED),
        verb=ACCOUNT_ARCHIVED,
        reason=reason,
        actor=actor,
    )


def _move(
    account: Account,
    state: AccountState,
    *,
    allowed_from: tuple[AccountState, ...],
    verb: str,
    reason: str,
    actor: Actor,
) -> Account:
    account = Account.objects.select_for_update().get(pk=account.pk)
    if account.state not in allowed_from:
        raise AlreadyInState(f"{account} is {account.get_state_display().lower()}.")
    before, account.state = account.state, state
    account.archived_at = now() if state == AccountState.ARCHIVED else None
    account.save(update_fields=("state", "archived_at"))
    with in_account(account):
        set_suspended(is_suspended=account.is_closed)
        if state == AccountState.ARCHIVED:
            dormancy.fall_asleep()
        elif before == AccountState.ARCHIVED:
            dormancy.wake_up()
    record(
        actor=actor,
        verb=verb,
        target=("account", account.pk, account.name),
        before={"state": before},
        after={"state": state},
        reason=reason,
    )
    return account


def _check(
    *,
    name: str,
    slug: str | None = None,
    time_zone: str = "UTC",
    credit_factor: Decimal = Decimal(1),
) -> None:
    errors = []

    def refuse(field: str, detail: str) -> None:
        errors.append({"pointer": f"/{field}", "code": field, "detail": detail})

    if not 1 <= len(name.strip()) <= 120 or not name.strip().isprintable():
        refuse("name", "Enter a name of 1 to 120 characters.")
    if slug is not None and not is_slug(slug):
        refuse(
            "slug",
            "Use 1 to 40 lower-case letters, digits and hyphens; no hyphen at either end.",
        )
    if not is_time_zone(time_zone):
        refuse("time_zone", "Choose a time zone of the list, such as Europe/Berlin.")
    if not is_credit_factor(credit_factor):
        refuse("credit_factor", "Enter a positive number below one million.")
    if errors:
        raise InvalidInput(" ".join(error["detail"] for error in errors), errors=errors)


def _refuse_slug(detail: str) -> NoReturn:
    raise SlugTaken(detail, errors=[{"pointer": "/slug", "code": "slug_taken", "detail": detail}])
