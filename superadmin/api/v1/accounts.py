"""The resource `accounts`: the companies of this installation."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    Operation,
    documented,
    page_example,
    page_output,
)
from core.api.pagination import page_of
from core.api.serializers import Input, LineField, ListQuery
from core.hierarchy.reach import named
from core.tenancy.hosts import account_url
from superadmin.api.v1.base import SLUG, PlatformViewSet, ReasonInput
from tenants.models import Account, AccountState
from tenants.selectors import accounts
from tenants.services import accounts as services

ACCOUNT_STATES = tuple(AccountState.values)


class AccountInput(Input):
    """A new account and its first admin."""

    name = LineField(max_length=120)
    slug = LineField(max_length=40, help_text="Part of every address and key; it never changes.")
    admin_email = serializers.EmailField(max_length=254)
    admin_name = LineField(required=False, default="", allow_blank=True, max_length=150)
    time_zone = LineField(required=False, default="UTC", max_length=64)
    credit_factor = serializers.DecimalField(
        required=False,
        default=Decimal(100),
        max_digits=12,
        decimal_places=6,
        help_text="Credits for one US dollar of cost.",
    )


class AccountPatch(Input):
    """What can be changed of an account."""

    name = LineField(required=False, max_length=120)
    time_zone = LineField(required=False, max_length=64)


class AccountQuery(ListQuery):
    """Filters of accounts."""

    state = serializers.ChoiceField(
        required=False, default="all", choices=(*AccountState.values, "all")
    )
    q = LineField(required=False, max_length=120, help_text="Words in name or short name.")


class AccountOutput(serializers.Serializer[Any]):
    """A company. Only an active one admits logins, keys, tokens and jobs."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=ACCOUNT_STATES)
    time_zone = serializers.CharField()
    url = serializers.SerializerMethodField(help_text="Where its cockpit lives.")
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)

    def get_url(self, account: Account) -> str:
        """Return where an account's cockpit lives."""
        return account_url(account)


class NewAccountOutput(AccountOutput):
    """An account that was just created."""

    invitation_link = serializers.URLField(help_text="Of its first admin. Shown only now.")


EXAMPLE = {
    "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
    "slug": SLUG,
    "name": "Initech",
    "state": "active",
    "time_zone": "Europe/Berlin",
    "url": "https://initech.cockpit.example",
    "created_at": "2026-11-02T09:30:00Z",
    "archived_at": None,
}
_TAG = "Accounts"
_ONE: dict[str, Any] = {"output": AccountOutput, "example": EXAMPLE, "tag": _TAG}
_CHANGE: dict[str, Any] = {**_ONE, "parameters": (ETAG, IF_MATCH), "refusals": (404,)}


class AccountViewSet(PlatformViewSet):
    """Accounts: created, renamed, suspended, restored and archived; never deleted."""

    read_permission = "platform.manage_accounts"
    write_permission = "platform.manage_accounts"
    output_class = AccountOutput
    input_classes = {
        "create": AccountInput,
        "partial_update": AccountPatch,
        **dict.fromkeys(("suspend", "restore", "archive"), ReasonInput),
    }
    query_classes = {"list": AccountQuery}

    @documented(
        Operation(
            "listAccounts",
            "List accounts",
            _TAG,
            page_example(EXAMPLE),
            output=page_output("AccountPage", AccountOutput),
            query=AccountQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the accounts, the oldest first."""
        query, rows = self.query, accounts()
        if query["state"] != "all":
            rows = rows.filter(state=query["state"])
        rows = named(rows, query.get("q", ""), "name", "slug")
        return self.many(page_of(rows, limit=query["limit"], cursor=query.get("cursor")))

    @documented(
        Operation(
            "createAccount",
            "Create an account",
            _TAG,
            {**EXAMPLE, "invitation_link": "https://initech.cockpit.example/invitations/…/"},
            output=NewAccountOutput,
            body=AccountInput,
            sent={"name": "Initech", "slug": SLUG, "admin_email": "bill@initech.example"},
            status=201,
            parameters=(ETAG,),
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Create an account with its schema and books, and invite its first admin by mail."""
        made = services.create_account(actor=self.actor, **self.input)
        return self.one(made.account, status=201, invitation_link=made.invitation_url)

    @documented(
        Operation(
            "getAccount",
            "Read an account",
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Return one account."""
        return self.one(self.account)

    @documented(
        Operation(
            "changeAccount",
            "Change an account",
            body=AccountPatch,
            sent={"name": "Initech Global"},
            **_CHANGE,
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """Give an account another name or time zone."""
        _ = self.account
        given = self.input
        with self.changing(lambda: self.account) as account:
            if "name" in given:
                services.rename_account(account=account, name=given["name"], actor=self.actor)
            if "time_zone" in given:
                services.set_time_zone(
                    account=account, time_zone=given["time_zone"], actor=self.actor
                )
        return self.one(self.account)

    @documented(
        Operation(
            "suspendAccount",
            "Suspend an account",
            body=ReasonInput,
            sent={"reason": "Invoices are overdue."},
            **_CHANGE,
        ),
        method="POST",
    )
    def suspend(self, request: Request, slug: str) -> Response:
        """Stop logins, keys and tokens of an account at once. Nothing is lost."""
        return self._moved(services.suspend_account)

    @documented(
        Operation("restoreAccount", "Restore an account", body=ReasonInput, sent={}, **_CHANGE),
        method="POST",
    )
    def restore(self, request: Request, slug: str) -> Response:
        """Open a suspended or archived account again."""
        return self._moved(services.restore_account)

    @documented(
        Operation(
            "archiveAccount",
            "Archive an account",
            body=ReasonInput,
            sent={"reason": "The contract has ended."},
            **_CHANGE,
        ),
        method="POST",
    )
    def archive(self, request: Request, slug: str) -> Response:
        """Close an account; its data stays for the books."""
        return self._moved(services.archive_account)

    def _moved(self, move: Callable[..., Account]) -> Response:
        _ = self.account
        given = self.input
        with self.changing(lambda: self.account) as account:
            moved = move(account=account, actor=self.actor, **given)
        return self.one(moved)
