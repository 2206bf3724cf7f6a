"""One of everything that a route can name, for tests that walk all routes."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from console.models import OwnLlm
from console.services.deployments import add_deployment
from console.services.keys import create_key
from console.services.own_llms import create_own_llm
from core.access.granting import set_grants
from core.access.models import Grant
from core.access.refusals import Refusal, RefusedCaller, keep_refusal
from core.access.rules import grants as rules
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.scopes import EVERYTHING
from core.access.services import switch_llm_on
from core.audit.models import AuditEntry
from core.audit.services import record
from core.credits.models import Book, OverflowStatement
from core.credits.services import allocating
from core.credits.services.capping import set_cap
from core.guardrails.services import bind_guardrail, create_guardrail
from core.hierarchy.policies import path_of
from core.hierarchy.product import Product, product_named, products
from core.hierarchy.services import administrators
from core.hierarchy.services.members import invite_member
from core.hierarchy.sharing import CLIENT_APP, resource_named
from core.hierarchy.verbs import RENAMED
from core.identity.models import Role, RoleAssignment
from core.identity.services import invite_user
from core.kit.clock import now
from core.kit.ids import uuid7
from core.notifications import kinds
from core.notifications.services import notify
from core.people.models import JobKind
from core.people.services import jobs
from core.tenancy.context import in_account, in_public
from core.tokens.models import ClientApp
from core.tokens.services import create_client_app
from core.usage.keeping import keep_calls
from core.usage.models import CallLog
from tenants.models import Account, Llm
from tenants.services.statements import push_statements
from tests.cast import ORGANIZATION, TEAM, TESTS
from tests.factories.credits import a_key, call_context, hold, settle
from tests.factories.cycles import renew, set_plan
from tests.factories.identity import UserFactory

NEWS = kinds.register("tests.news", label="News of the tests", sentence="{what}")

Things = dict[str, dict[str, UUID | str]]


def things_in(account: Account, llm: Llm) -> Things:
    """Return for each product, and for the account itself (""), one of each thing by its name.

    What carries a name has the account's slug and `canary` in it.
    """
    with in_account(account):
        found: Things = {product.slug: _things_of(product, account, llm) for product in products()}
        newcomer = UserFactory(
            email=f"canary@{account.slug}.example",
            name=_canary(account.slug, "person"),
            is_active=False,
        )
        assignment = RoleAssignment.objects.get(role=Role.ACCOUNT_ADMIN)
        found[""] = {
            "assignment_id": assignment.pk,
            "admin_id": assignment.user_id,
            "account_id": account.pk,
            "notification_id": _news(account, found["console"]["member_id"]),
            "token": invite_user(user=newcomer, actor=TESTS).token,
            "uidb36": "1",
            "key": "set-password",
            # Django's redirect to an object's own page, which no model of ours has.
            "content_type_id": "1",
            "object_id": "1",
            "slug": account.slug,
            "llm_id": llm.pk,
            "product": "copilot",
            "code": "not-found",
            "name": "copilot-v1",
        }
    return found


def things_of_branch(
    account: Account, llm: Llm, *, organization: str, team: str, mark: str
) -> Things:
    """Return the same for another organization with a team that has members, in each product.

    What carries a name has `mark` in it.
    """
    with in_account(account):
        return {
            product.slug: _things_of(
                product, account, llm, organization=organization, team=team, mark=mark
            )
            for product in products()
        }


def things_of_platform(account: Account, llm: Llm) -> Things:
    """Return what the public host's routes can name, with an account that has everything."""
    found = things_in(account, llm)
    with in_account(account):
        book = Book.objects.get(product="copilot")
        set_plan(book)
        renew(book)
        found[""]["statement_id"] = OverflowStatement.objects.get(book=book).pk
    push_statements(account=account)
    found[""]["name"] = "superadmin-v1"
    with in_public():
        found[""]["entry_id"] = AuditEntry.objects.values_list("pk", flat=True)[0]
        colleague = UserFactory(is_active=False)
        found[""]["user_id"] = colleague.pk
        found[""]["token"] = invite_user(user=colleague, actor=TESTS).token
    return found


def _things_of(
    product: Product,
    account: Account,
    llm: Llm,
    *,
    organization: str = ORGANIZATION,
    team: str = TEAM,
    mark: str = "",
) -> dict[str, UUID | str]:
    mark = mark or account.slug
    return _things_at(
        product,
        account,
        llm,
        product.organization._default_manager.get(name=organization),
        product.team._default_manager.get(name=team),
        mark,
    )


def _things_at(
    product: Product, account: Account, llm: Llm, organization: Any, team: Any, mark: str
) -> dict[str, UUID | str]:
    places: QuerySet[Any] = product.membership._default_manager.all()
    place = places.filter(team=team).order_by("created_at").last()
    assert place is not None
    assert organization.wallet is not None
    book = Book.objects.get(product=product.slug)
    allocating.grant_credits(book=book, amount=9_000, actor=TESTS, idempotency_key=a_key())
    acts = [
        allocating.allocate_credits(
            wallet=wallet, amount=3_000, actor=TESTS, idempotency_key=a_key(), reason=f"For {mark}"
        )
        for wallet in (organization.wallet, team.wallet, place.wallet)
    ]
    limit = set_cap(book=book, subject=team.pk, window="day", amount=5_000, actor=TESTS)
    app = _app(product, account)
    guardrail = create_guardrail(
        name=_canary(mark, f"{product.slug}-guardrail"), preset="pii", actor=TESTS
    )
    binding = bind_guardrail(
        product=product.slug, guardrail=guardrail, action="mask", stages=("input",), actor=TESTS
    )
    switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    found: dict[str, UUID | str] = {
        "organization": organization.pk,
        "team": team.pk,
        "member_id": place.member.pk,
        "place_id": place.pk,
        "wallet_id": team.wallet.pk,
        "assignment_id": _administrator_of(product, team, place.member.user.email),
        "app_id": app.pk,
        "binding_id": binding.pk,
        "llm_id": llm.pk,
        "kind": "team",
        "feature": "image_generation",
        "call_id": _call(place, product=product.slug, llm=llm.name),
        "entry_id": _entry(product, team, mark),
        "act_id": acts[-1].pk,
        "cap_id": limit.pk,
        "job_id": _import(product, mark),
        "refusal_id": _refusal(product, place, llm, mark),
        "grant_id": _grant(product, app.pk, team),
        "thing_kind": CLIENT_APP,
        "node_kind": "team",
    }
    newcomer = invite_member(
        product=product,
        email=f"{product.slug}-canary@{mark}.example",
        organization=organization,
        team=team,
        actor=TESTS,
    )
    assert newcomer.link is not None
    found |= {
        "organization_id": organization.pk,
        "team_id": team.pk,
        "membership_id": place.pk,
        "invitation_id": newcomer.link.invitation.pk,
    }
    if product.slug == "console":
        name = _canary(mark, "key")
        key = create_key(account=account, membership=place, name=name, actor=TESTS).key
        found["key_id"] = key.pk
        found |= _own_llm(account)
        _log(place, UUID(str(found["call_id"])), mark)
    return found


def _app(product: Product, account: Account) -> ClientApp:
    # The whole account's: every branch may see it, and none has one of its own.
    name = _canary(account.slug, "app")
    known = ClientApp.objects.filter(product=product.slug, name=name).first()
    return known or create_client_app(product=product.slug, name=name, actor=TESTS).app


def _grant(product: Product, app_id: UUID, team: Any) -> UUID:
    resource = resource_named(product, CLIENT_APP, app_id)
    node = PathNode("team", team.pk, team.name)
    set_grants(product=product.slug, resource=resource, grants={node: rules.Grant()}, actor=TESTS)
    return Grant.objects.get(product=product.slug, resource_id=app_id, node_id=team.pk).pk


def _refusal(product: Product, place: Any, llm: Llm, mark: str) -> UUID:
    path = path_of(product, place)
    decision = ProductAccess(product.slug).why_llm(llm.pk, path)
    caller = RefusedCaller(
        product=product.slug,
        user_id=place.member.user_id,
        member_id=place.member_id,
        path=path,
        label=_canary(mark, "caller"),
        team_id=place.team_id,
        organization_id=place.organization_id,
    )
    refusal = Refusal("llm", str(llm.pk), _canary(mark, "llm"), decision)
    return keep_refusal(caller=caller, refusal=refusal, policy_version=1)


def _own_llm(account: Account) -> dict[str, UUID | str]:
    # The whole account's: every branch may see it, and none has one of its own.
    known = OwnLlm.objects.filter(title=_canary(account.slug, "own-llm")).first()
    if known is not None:
        return {"own_llm_id": known.pk, "deployment_id": known.deployments.earliest("order").pk}
    title = _canary(account.slug, "own-llm")
    llm = create_own_llm(account=account, name=f"own-{uuid7()}", title=title, actor=TESTS)
    place = add_deployment(
        account=account,
        llm=llm,
        vendor="openai",
        upstream_model=_canary(account.slug, "deployment"),
        credential={"api_key": f"sk-{account.slug}-canary-credential"},
        actor=TESTS,
    )
    return {"own_llm_id": llm.pk, "deployment_id": place.pk}


def _entry(product: Product, team: Any, mark: str) -> UUID:
    with transaction.atomic():
        return record(
            actor=TESTS,
            verb=RENAMED["team"],
            target=("team", team.pk, str(team)),
            before={"name": _canary(mark, "team")},
            after={"name": str(team)},
            product=product.slug,
        ).pk


def _administrator_of(product: Product, team: Any, email: str) -> UUID:
    """Return who administers the team: Theo in the cast's own, else somebody in it."""
    rows = RoleAssignment.objects.filter(node_id=team.pk)
    if not rows.exists():
        administrators.appoint_administrator(
            product=product, node=team, email=email, scope=EVERYTHING, actor=TESTS
        )
    return rows.earliest("created_at").pk


def _import(product: Product, mark: str) -> UUID:
    """Start an import as the account's first admin."""
    admin = RoleAssignment.objects.filter(role=Role.ACCOUNT_ADMIN).earliest("created_at").user
    job = jobs.create_job(
        product=product,
        kind=JobKind.IMPORT,
        title=_canary(mark, "import"),
        user_id=admin.pk,
        actor=TESTS,
        source="email\nsomebody@example.com\n",
        options={"columns": {"email": 0}},
    )
    jobs.check_job(job=job)
    jobs.work_off(job.pk)
    return job.pk


def _call(place: Any, *, product: str, llm: str) -> UUID:
    member = place.member
    context = call_context(
        product=product,
        llm=llm,
        user_id=member.user_id,
        member_id=member.pk,
        membership_id=place.pk,
        team_id=place.team_id,
        organization_id=place.organization_id,
        labels={str(member.pk): str(member)},
    )
    request_id = hold(place.wallet, 7, context=context)
    settle(request_id, 7)
    return request_id


def _log(place: Any, call_id: UUID, mark: str) -> None:
    """Log the call, with what was said in it."""
    log = CallLog(
        request_id=call_id,
        began_at=now(),
        product="console",
        user_id=place.member.user_id,
        member_id=place.member_id,
        membership_id=place.pk,
        team_id=place.team_id,
        organization_id=place.organization_id,
        llm=_canary(mark, "llm"),
        kind="chat",
        outcome="ok",
        status_code=200,
        latency_ms=100,
        content_kind="full",
    )
    said = _canary(mark, "said")
    keep_calls(
        [(log, {"request": {"messages": [{"role": "user", "content": said}]}, "answer": []})]
    )


def _news(account: Account, member_id: UUID | str) -> UUID:
    """Tell the member whose key it is of something; who else asks for it finds nothing."""
    member = product_named("console").member._default_manager.get(pk=member_id)
    told = notify(
        users=[member.user],
        kind=NEWS,
        params={"what": _canary(account.slug, "news")},
        dedup_key=a_key(),
    )
    return told[0].pk


def _canary(mark: str, kind: str) -> str:
    return f"{mark}-canary-{kind}"
