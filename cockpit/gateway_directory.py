"""What the gateway asks about callers and accounts, answered from Postgres.

Synchronous: the gateway calls it in a worker thread that closes its connections, and keeps the
answers until the account's policy version moves.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from cockpit import own_llms
from console import binding as console
from copilot import binding as copilot
from core.access.permissions import PRODUCTS
from core.access.refusals import Refusal, RefusedCaller, keep_refusal
from core.access.resources import open_things
from core.access.rules.llms import NONE
from core.access.rules.product import ProductAccess
from core.access.selectors import active_llms
from core.gateway.errors import AccountSuspended
from core.gateway.ports import (
    AccountSnapshot,
    Deployment,
    Llm,
    Price,
    Principal,
    Probe,
    Secret,
    WalletNote,
)
from core.gateway.wallet_notes import wallet_note
from core.guardrails.selectors import bound_guardrails
from core.kit.problems import NotAllowed, Unauthenticated
from core.tenancy.context import AccountRef, in_account, in_public
from core.tenancy.models import PolicyState
from core.tokens.errors import InvalidToken
from core.tokens.issuing import gateway_audience, read_token
from core.tokens.jwt import UserToken
from core.tokens.scopes import GATEWAY
from core.tokens.selectors import active_client_app
from core.usage.keeping import keep_calls
from core.usage.models import CallLog
from core.usage.policies import content_policies
from tenants.credentials import Credential, credentials_of
from tenants.models import Account, Llm as CatalogueLlm, PriceRow
from tenants.selectors import features_withheld, llms_on_offer, terms_of

_KEY = re.compile(r"ck_([a-z0-9-]{1,40})_[A-Za-z0-9]{20,64}")
_BINDINGS: dict[str, Callable[..., Principal]] = {
    "copilot": copilot.principal_for_user_token,
    "console": console.principal_for_user_token,
}

log = structlog.get_logger(__name__)


class PostgresDirectory:
    """The `Directory` of the gateway."""

    def principal_for_key(self, token: str) -> Principal:
        """Return who calls with a virtual key.

        Raises:
            Unauthenticated: the key is malformed, unknown, revoked or expired.
            AccountSuspended: its account admits nobody.
            NotAllowed: its member has no active seat any more.
        """
        parts = _KEY.fullmatch(token)
        if parts is None:
            raise Unauthenticated("This is not a virtual key of Console: ck_<account>_<random>.")
        account = _open_account(slug=parts[1])
        with in_account(account):
            return console.principal_for_key(account, token)

    def principal_for_user_token(self, token: str, team: str | None) -> Principal:
        """Return who calls with a user token; `team` is an id or an exact name.

        Raises:
            InvalidToken: it is not a user token of ours for the gateway, or its client is revoked.
            AccountSuspended: its account admits nobody.
            NotAllowed: its member has no active seat any more, or is not in the team.
        """
        read = read_token(token, audience=gateway_audience())
        if not isinstance(read, UserToken):
            raise InvalidToken("The gateway needs the token of a user, not of a client app.")
        if GATEWAY not in read.scopes:
            raise NotAllowed(f"The token lacks the scope {GATEWAY}.")
        account = _open_account(id=read.account_id)
        if account.slug != read.account or read.product not in _BINDINGS:
            raise InvalidToken("The token names an account or product that does not exist.")
        with in_account(account):
            return _BINDINGS[read.product](
                account, read, client_app_id=_client_app_of(read), team=team
            )

    def snapshot(self, account_id: UUID) -> AccountSnapshot:
        """Return all that is on for an account.

        Raises:
            Unauthenticated: there is no such account.
        """
        with in_public():
            row = Account.objects.filter(pk=account_id).first()
        if row is None:
            raise Unauthenticated("There is no such account.")
        account = AccountRef(row.pk, row.slug, row.schema_name)
        with in_account(account):
            # The version comes first: a change meanwhile makes the snapshot older, never newer.
            policy = PolicyState.objects.get(pk=1)
            on = active_llms()
            is_open = {product: open_things(product) for product in PRODUCTS}
            content = content_policies()
            guardrails = bound_guardrails()
            brought = own_llms.own_llms_of(account)
            own = {"console": frozenset(llm.id for llm in brought)}
        with in_public():
            offered = llms_on_offer(account.id)
            withheld = features_withheld(account.id)
            terms = terms_of(account.id)
            access = {
                product: ProductAccess(
                    product,
                    offered=frozenset(llm.pk for llm in offered.get(product, ()))
                    | own.get(product, NONE),
                    on=on.get(product, NONE),
                    withheld=withheld.get(product, frozenset()),
                    open_things=is_open[product],
                )
                for product in PRODUCTS
            }
            llms = _llms_of(account, offered, access)
        # One of the same name takes the place of the platform's.
        llms["console"] |= {llm.name: llm for llm in brought if llm.id in access["console"].on}
        return AccountSnapshot(
            account=account,
            is_suspended=row.is_closed or policy.is_suspended,
            credit_factor=terms.credit_factor,
            factor_version=terms.factor_version,
            policy_version=policy.version,
            llms=llms,
            guardrails={product: guardrails.get(product, ()) for product in PRODUCTS},
            access=access,
            content=content,
        )

    def deployment_to_test(self, account_id: UUID, deployment_id: UUID) -> Probe:
        """Return a deployment of an account, active or not, with its credential.

        Raises:
            NotFound: there is none.
        """
        account = _open_account(id=account_id)
        with in_account(account):
            return own_llms.probe_of(account, deployment_id)

    def wallet_note(self, principal: Principal, wallet_id: UUID) -> WalletNote:
        """Return what a refusal for lack of credits says about a wallet."""
        with in_account(principal.account):
            return wallet_note(principal, wallet_id)

    def keep_calls(
        self, account: AccountRef, logs: Sequence[tuple[CallLog, Mapping[str, Any] | None]]
    ) -> int:
        """Write logs of an account's calls, each with what was said in it; return how many."""
        with in_account(account):
            return keep_calls(logs)

    def keep_refusal(
        self, principal: Principal, refusal: Refusal, policy_version: int, refusal_id: UUID
    ) -> None:
        """Keep a refused call under the id by which an admin can look it up."""
        assert principal.user_id is not None
        assert principal.member_id is not None
        with in_account(principal.account):
            keep_refusal(
                id=refusal_id,
                caller=RefusedCaller(
                    product=principal.product,
                    user_id=principal.user_id,
                    member_id=principal.member_id,
                    path=principal.path,
                    label=principal.label,
                    team_id=principal.team_id,
                    organization_id=principal.organization_id,
                    key_id=principal.key_id,
                ),
                refusal=refusal,
                policy_version=policy_version,
            )


def _open_account(**which: object) -> AccountRef:
    with in_public():
        row = Account.objects.filter(**which).first()
    if row is None:
        raise Unauthenticated("The account of this key or token does not exist.")
    if row.is_closed:
        raise AccountSuspended("A super admin has closed this account for now.")
    return AccountRef(row.pk, row.slug, row.schema_name)


def _client_app_of(token: UserToken) -> UUID | None:
    """Return the client app that a token was issued to, if it may still act for members."""
    if not token.client_id:
        return None
    app = active_client_app(token.client_id)
    if app is None or not app.act_for_members or app.product != token.product:
        raise InvalidToken("The client app of this token was revoked, or may not act any more.")
    return app.pk


def _llms_of(
    account: AccountRef,
    offered: Mapping[str, Sequence[CatalogueLlm]],
    access: Mapping[str, ProductAccess],
) -> dict[str, dict[str, Llm]]:
    """Return, by product and name, what is both offered and switched on and can be answered."""
    on = {
        product: [llm for llm in offered.get(product, ()) if llm.pk in access[product].on]
        for product in PRODUCTS
    }
    rows = {llm.pk: llm for llms in on.values() for llm in llms}
    credentials = credentials_of(llm.deployment for llm in rows.values() if _has_deployment(llm))
    ready: dict[UUID, Llm] = {}
    for llm in rows.values():
        credential = credentials[llm.deployment.pk] if _has_deployment(llm) else _NO_DEPLOYMENT
        if credential.source == "none":
            reason = credential.reason
            log.warning("llm_left_out", account=account.slug, llm=llm.name, reason=reason)
        else:
            ready[llm.pk] = _llm(llm, credential)
    return {
        product: {llm.name: ready[llm.pk] for llm in llms if llm.pk in ready}
        for product, llms in on.items()
    }


_NO_DEPLOYMENT = Credential("none", reason="The platform runs it nowhere yet.")


def _has_deployment(llm: CatalogueLlm) -> bool:
    return hasattr(llm, "deployment")


def _llm(row: CatalogueLlm, credential: Credential) -> Llm:
    return Llm(
        id=row.pk,
        name=row.name,
        kind=row.kind,  # type: ignore[arg-type]  # the catalogue's choices are these
        vendor=row.vendor,
        title=row.title,
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        capabilities=frozenset(row.capabilities),
        price=_price(max(row.prices.all(), key=lambda price: price.version, default=None)),
        deployment=_deployment(row, credential),
    )


def _deployment(row: CatalogueLlm, credential: Credential) -> Deployment:
    if credential.source == "demo":
        return Deployment("demo", row.deployment.upstream_model, is_demo=True)
    return Deployment(
        provider=row.deployment.provider,
        upstream_model=row.deployment.upstream_model,
        api_base=row.deployment.api_base or None,
        api_key=Secret(credential.secret.value) if credential.secret else None,
        options=tuple(sorted(row.deployment.options.items())),
    )


def _price(row: PriceRow | None) -> Price | None:
    if row is None:
        return None
    return Price(
        version=str(row.version),
        input=row.input_usd,
        output=row.output_usd,
        cache_read=row.cache_read_usd,
        cache_write=row.cache_write_usd,
        reasoning=row.reasoning_usd,
        audio_input=row.audio_input_usd,
        audio_output=row.audio_output_usd,
        image_each=row.image_each_usd,
        request=row.request_usd,
    )
