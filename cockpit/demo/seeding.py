"""Seeds the demo through the same services that pages and APIs call. Runs once, safely again."""

import json
import secrets
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import connection, transaction

from cockpit.demo.catalogue import CATALOGUE
from cockpit.demo.colleagues import seed_colleagues
from cockpit.demo.companies import ACME, COMPANIES, Company, Person
from cockpit.demo.developers import seed_keys, seed_logs
from cockpit.demo.history import seed_history
from cockpit.demo.policies import seed_policies
from cockpit.demo.splits import seed_split
from console.models import Membership, VirtualKey
from console.services.keys import create_key, revoke_key
from core.access import services as access
from core.access.scopes import EVERYTHING
from core.audit.services import Actor
from core.credits.models import Book
from core.credits.services import allocating, books
from core.guardrails import services as guardrails
from core.guardrails.presets.pii import PersonalData
from core.hierarchy.models import AbstractMember
from core.hierarchy.product import Product, product_named, products
from core.hierarchy.selectors import acting_membership
from core.hierarchy.services import administrators, members, memberships, nodes
from core.identity import services as identity
from core.identity.models import User
from core.kit.money import MICROCREDITS_PER_CREDIT
from core.tenancy.context import in_account, in_public
from core.tenancy.hosts import account_url
from core.tokens.models import ClientApp
from core.tokens.scopes import SCOPES
from core.tokens.services import create_client_app, revoke_client_app
from tenants.models import Account, Llm
from tenants.services.accounts import create_account
from tenants.services.credits import Terms, set_credit_terms
from tenants.services.figures import push_figures
from tenants.services.llms import create_llm
from tenants.services.statements import push_statements

SUPER_ADMIN = ("sam@cockpit.example", "Sam Whitfield")
SEEDER = Actor.system("Demo")
DEMO_APP = "alchemi-web (demo)"
DEMO_KEY = "Demo key"
# alchemi-web runs agents and has pages for admins; keys and logs are Console's.
DEMO_SCOPES = tuple(scope for scope in SCOPES if not scope.startswith(("keys:", "logs:")))

Say = Callable[[str], None]
Places = dict[str, Any]


def demo_file() -> Path:
    """Return the file that says who to log in as."""
    return Path(settings.DATA) / "demo.json"


def seed(say: Say) -> dict[str, Any]:
    """Make whatever of the demo is missing and write `demo.json`; return what it holds.

    When the file is there and of this database, only the addresses in it are brought up to date:
    this run may listen on other ports. When only the file was lost, the accounts stay and get new
    passwords, a new key and a new client secret, since the old ones cannot be read back.
    """
    known = _known()
    if known:
        found = _with_addresses(known)
        if found != known:
            _write(found)
        return found
    password = f"demo-{secrets.token_hex(3)}-{secrets.token_hex(3)}"
    with in_public():
        say("Demo: super admin")
        _login(*SUPER_ADMIN, password)
        say(f"Demo: catalogue of {len(CATALOGUE)} LLMs")
        llms = _seed_catalogue()
    accounts = {}
    for company in COMPANIES:
        account = Account.objects.filter(slug=company.slug).first()
        if account is None:
            say(f"Demo: account {company.name}, its people, credits and some weeks of calls")
            account = _seed_company(company, llms)
        accounts[company.slug] = _hand_out(company, account, password)
    found = _with_addresses(
        {
            "cockpit_url": "",
            "gateway_url": "",
            "super_admin": {"email": SUPER_ADMIN[0], "password": password},
            "accounts": accounts,
        }
    )
    _write(found)
    return found


def _known() -> dict[str, Any]:
    """Return what the file holds, unless it was written beside another database."""
    if not demo_file().exists():
        return {}
    found = dict(json.loads(demo_file().read_text()))
    for slug, shown in found["accounts"].items():
        account = Account.objects.filter(slug=slug).first()
        if account is None:
            return {}
        with in_account(account):
            client_id = shown["copilot_client"]["client_id"]
            if not ClientApp.objects.filter(client_id=client_id).exists():
                return {}
    return found


def _with_addresses(demo: dict[str, Any]) -> dict[str, Any]:
    """Return the demo with the addresses of this run."""
    accounts = {
        account.slug: account for account in Account.objects.filter(slug__in=demo["accounts"])
    }
    return {
        **demo,
        "cockpit_url": f"{settings.PUBLIC_URL}/",
        "gateway_url": f"{settings.GATEWAY_URL}/",
        "accounts": {
            slug: {**shown, "url": f"{account_url(accounts[slug])}/"}
            for slug, shown in demo["accounts"].items()
        },
    }


@transaction.atomic
def _seed_catalogue() -> dict[str, Llm]:
    for row in CATALOGUE:
        if not Llm.objects.filter(name=row["name"]).exists():
            create_llm(**row, actor=SEEDER)
    return {llm.name: llm for llm in Llm.objects.all()}


@transaction.atomic
def _seed_company(company: Company, llms: dict[str, Llm]) -> Account:
    new = create_account(
        name=company.name,
        slug=company.slug,
        admin_email=_email(company, company.admin),
        admin_name=company.admin.name,
        time_zone=company.time_zone,
        credit_factor=Decimal(company.factor),
        terms={
            slug: _terms(company, slug, grant)
            for slug, grant in {**company.grants, **company.first_grants}.items()
        },
        llms=list(llms.values()),
        actor=SEEDER,
    )
    with in_account(new.account):
        for product in products():
            _seed_product(company, product)
            for name in company.llms:
                access.switch_llm_on(
                    product=product.slug, llm_id=llms[name].pk, llm_name=name, actor=SEEDER
                )
            seed_policies(product, llms, actor=SEEDER)
        personal_data = guardrails.create_guardrail(
            name="Personal data", preset=PersonalData.slug, actor=SEEDER
        )
        guardrails.bind_guardrail(
            product="copilot",
            guardrail=personal_data,
            action="mask",
            stages=("input",),
            actor=SEEDER,
        )
        keys = seed_keys(new.account, actor=SEEDER)
        for product in products():
            seed_history(
                product,
                account=company.slug,
                factor=Decimal(company.factor),
                llms=company.llms,
                is_heavy=product.slug in company.first_grants,
                keys=keys,
            )
            seed_split(product, actor=SEEDER)
        seed_logs(account=company.slug)
    for slug in company.first_grants:
        set_credit_terms(
            account=new.account,
            product=slug,
            terms=_terms(company, slug, company.grants[slug]),
            reason="Last month was not enough.",
            actor=SEEDER,
        )
    push_figures(account=new.account)
    push_statements(account=new.account)
    return new.account


def _terms(company: Company, product: str, grant: int) -> Terms:
    cap = company.rollover_caps.get(product)
    return Terms(
        grant_microcredits=_micro(grant),
        overflow_limit_microcredits=_micro(company.overflow[product]),
        rollover="none" if cap is None else "capped",
        rollover_cap_microcredits=_micro(cap or 0),
    )


def _seed_product(company: Company, product: Product) -> None:
    tree = getattr(company, product.slug)
    places: Places = {}
    for name, teams in tree.items():
        organization = nodes.create_organization(product=product, name=name, actor=SEEDER)
        places[name] = (organization, None)
        for team in teams:
            node = nodes.create_team(
                product=product, organization=organization, name=team, actor=SEEDER
            )
            places[team] = (organization, node)
    for person in (company.admin, *company.people):
        wanted = getattr(person, product.slug)
        if wanted or (product.slug == "copilot"):
            _seat(company, product, person, wanted, places)
        _appoint(company, product, person, places)
    if company is ACME:
        seed_colleagues(product, domain=company.domain, places=places, seeder=SEEDER)
    _seed_credits(company, product, places)


def _appoint(company: Company, product: Product, person: Person, places: Places) -> None:
    for name in person.administers:
        if name in places:
            organization, team = places[name]
            administrators.appoint_administrator(
                product=product,
                node=team or organization,
                email=_email(company, person),
                scope=EVERYTHING,
                actor=SEEDER,
            )


def _seat(
    company: Company, product: Product, person: Person, wanted: tuple[str, ...], places: Places
) -> AbstractMember:
    email = _email(company, person)
    user = User.objects.filter(email=email).first() or identity.create_user(
        email=email, name=person.name, actor=SEEDER
    )
    member = members.create_member(product=product, user=user, actor=SEEDER)
    for name in wanted:
        organization, team = places[name]
        memberships.place_member(
            product=product, member=member, organization=organization, team=team, actor=SEEDER
        )
    return member


def _seed_credits(company: Company, product: Product, places: Places) -> None:
    book = Book.objects.get(product=product.slug)
    books.set_spill(book=book, team=True, organization=True, pool=True, actor=SEEDER)
    for name, credits in company.credits[product.slug].items():
        key = f"demo:{product.slug}:{name}"
        if name == "pool":
            allocating.allocate_to_pool(
                book=book, amount=_micro(credits), actor=SEEDER, idempotency_key=key
            )
            continue
        organization, team = places[name]
        allocating.allocate_credits(
            wallet=(team or organization).wallet,
            amount=_micro(credits),
            actor=SEEDER,
            idempotency_key=key,
        )


def _hand_out(company: Company, account: Account, password: str) -> dict[str, Any]:
    """Give everybody the demo's password, and make a fresh key and client secret."""
    with in_account(account), transaction.atomic():
        logins = {
            person.nick: {"email": _email(company, person), "password": password}
            for person in (company.admin, *company.people)
        }
        for person in (company.admin, *company.people):
            _login(_email(company, person), person.name, password)
        for app in ClientApp.objects.filter(name=DEMO_APP, revoked_at=None):
            revoke_client_app(app=app, reason="The demo was seeded again.", actor=SEEDER)
        new_app = create_client_app(
            product="copilot",
            name=DEMO_APP,
            act_for_members=True,
            scopes=DEMO_SCOPES,
            actor=SEEDER,
        )
        console = product_named("console")
        for key in VirtualKey.objects.filter(name=DEMO_KEY, revoked_at=None):
            revoke_key(key=key, reason="The demo was seeded again.", actor=SEEDER)
        developer = next(person for person in company.people if person.console)
        member = console.member._default_manager.get(user__email=_email(company, developer))
        new_key = create_key(
            account=account,
            membership=cast("Membership", acting_membership(console, member)),
            name=DEMO_KEY,
            actor=SEEDER,
        )
    admin = logins.pop(company.admin.nick)
    return {
        "url": "",
        "admin": admin,
        "members": logins,
        "copilot_client": {"client_id": new_app.app.client_id, "client_secret": new_app.secret},
        "console_key": new_key.token,
        "llms": list(company.llms),
    }


def _login(email: str, name: str, password: str) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        return identity.create_user(email=email, name=name, password=password, actor=SEEDER)
    user.is_active = True
    user.set_password(password)
    user.save(update_fields=("is_active", "password"))
    return user


def _email(company: Company, person: Person) -> str:
    return f"{person.nick}@{company.domain}"


def _micro(credits: int) -> int:
    return credits * MICROCREDITS_PER_CREDIT


def _write(found: dict[str, Any]) -> None:
    target = demo_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".tmp")
    # Created closed to others: it holds passwords.
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(found, indent=2))
    draft.replace(target)
    connection.close()
