"""Sends the requests of the table, and says in a word what came back."""

import copy
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.db import transaction

from tests.clients import AccountClient
from tests.factories.things import Things
from tests.permissions.rows import Row

# What a name in a path stands for, where that depends on the path.
_MEANINGS = (
    ("/organization/", "node_id", "organization"),
    ("/team/", "node_id", "team"),
    ("/llm-access/", "node_id", "team"),
    ("/llm-policies/", "node_id", "team"),
    ("/sharing/", "node_id", "team"),
    ("/sharing/", "thing_id", "app_id"),
    ("/sharing/", "kind", "thing_kind"),
    ("/features/<str:kind>/", "node_id", "team"),
    ("/features/<slug:feature>/", "node_id", "team"),
    ("/accounts/", "user_id", "admin_id"),
    ("/tenants/account/", "object_id", "account_id"),
    ("/tenants/llm/", "object_id", "llm_id"),
    ("/tenants/statementsummary/", "object_id", "statement_id"),
    ("/identity/user/", "object_id", "user_id"),
)

FORM = "application/x-www-form-urlencoded"
LOGIN = "login"
ALLOWED = "allowed"


def address(row: Row, things: Things) -> str:
    """Return the path of a row with the names in it replaced by things."""
    known = _known(row, things)
    path = re.sub(r"\(\?P<url>[^)]*\)", "nowhere", row.path)
    path = re.sub(r"\(\?P<(app_label)>(\w+)\|[^)]*\)", r"\2", path)
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<str:\1>", path)
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: _text(known, found.group(1)), path)


def form(row: Row, things: Things) -> dict[str, str]:
    """Return what the form of a row must name."""
    known = _known(row, things)
    return {field: _text(known, thing) for field, thing in row.fields}


def outcome(client: AccountClient, row: Row, path: str, data: dict[str, str]) -> str:
    """Ask, undo whatever it did, and return `allowed`, `login`, or the status of the refusal."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        if row.method not in {"GET", "POST"}:
            response = client.generic(row.method, path)
        elif row.method == "GET":
            response = client.get(path)
        elif row.path.startswith("/api/") and not row.path.endswith("/token"):
            # What moves credits asks for a key before it looks for anything.
            headers = {"Idempotency-Key": str(uuid4())}
            response = client.post(path, data, content_type="application/json", headers=headers)
        else:
            response = client.post(path, urlencode(data), content_type=FORM)
        transaction.set_rollback(True)
    # Logging out, among others, takes the cookie away.
    client.cookies = cookies
    return word_for(response)


def word_for(response: Any) -> str:
    """Return `allowed` for any answer that lets the caller in, be it a form with errors."""
    if response.status_code == 302 and response["Location"].split("?")[0] == "/login/":
        return LOGIN
    if response.status_code in {401, 403, 404, 405, 410, 415} or response.status_code >= 500:
        return str(response.status_code)
    return ALLOWED


def expected(row: Row, person: str) -> str:
    """Return the word that a row has for somebody."""
    if person in row.who:
        return ALLOWED
    if person in row.unaware:
        return "404"
    return row.to_nobody if person == "nobody" else row.refusal


def differences(rows: Iterable[Row], person: str, client: AccountClient, things: Things) -> str:
    """Return a line for each row that answers somebody in another way than the table says."""
    found = []
    for row in rows:
        word = outcome(client, row, address(row, things), form(row, things))
        if word != expected(row, person):
            found.append(f"{row.method} {row.path}: {word}, not {expected(row, person)}")
    return "\n".join(found)


def _known(row: Row, things: Things) -> dict[str, UUID | str]:
    product = row.path.split("/")[2 if row.path.startswith("/api/") else 1]
    known = {**things[""], **things.get(product, {})}
    for part, name, thing in _MEANINGS:
        if part in row.path:
            known[name] = known[thing]
    return known


def _text(known: dict[str, UUID | str], name: str) -> str:
    assert name in known, f"tests/factories/things.py makes no {name}"
    return str(known[name])
