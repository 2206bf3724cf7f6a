"""Canaries: known secrets go in by every door there is, and are then looked for everywhere.

No page but the one that shows a secret once, no row of any table, no cache entry or waiting job, no
line of the log and no refusal may hold one.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from redis import Redis

from console.services.keys import create_key
from core.hierarchy.product import product_named
from core.identity.models import User
from core.identity.services import invite_user
from core.tenancy.context import in_account, in_public
from core.tokens.services import create_client_app, rotate_client_secret
from tenants.models import Account, Llm
from tests.cast import TEAM, TESTS
from tests.clients import AccountClient
from tests.factories.identity import UserFactory
from tests.factories.tenants import LlmFactory
from tests.factories.things import Things, things_of_platform
from tests.log_lines import log_lines
from tests.permissions.asking import address
from tests.permissions.rows import Row
from tests.permissions.table import ACCOUNT_ROWS, PUBLIC_ROWS

CREDENTIAL = "sk-canary-4fJq8ZrT2nXw6Lk9Vb3MdYp7"
PASSWORD = "canary staple battery 9417"
WRONG = "canary-of-a-wrong-guess-5521"


@pytest.fixture
def llm(acme: Account) -> Llm:
    return LlmFactory(offered_to=acme)


@pytest.fixture
def things(acme: Account, llm: Llm) -> Things:
    return things_of_platform(acme, llm)


@pytest.fixture
def log() -> Iterator[list[str]]:
    with log_lines() as lines:
        yield lines


@pytest.fixture
def secrets(acme: Account, log: list[str]) -> dict[str, str]:
    """One of each kind of secret that services hand out, by its name."""
    with in_account(acme):
        made = {}
        for product in ("copilot", "console"):
            first = create_client_app(product=product, name="Canary", actor=TESTS)
            made[f"first client secret of {product}"] = first.secret
            again = rotate_client_secret(app=first.app, actor=TESTS)
            made[f"client secret of {product}"] = again.secret
        team = product_named("console").team._default_manager.get(name=TEAM)
        places: Any = product_named("console").membership._default_manager
        place = places.filter(team=team).first()
        key = create_key(account=acme, membership=place, name="Canary", actor=TESTS)
        made["virtual key"] = key.token
        guest = UserFactory(email="guest@acme.example", is_active=False)
        made["invitation"] = invite_user(user=guest, actor=TESTS).token
    return made


def _found(text: str, secrets: dict[str, str], where: str) -> list[str]:
    return [f"{where} holds the {name}" for name, secret in secrets.items() if secret in text]


def _rows_of(schema: str) -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t')
            for (row,) in cursor.fetchall():
                yield f"{schema}.{table}", row


def _tables_with(schema: str, secrets: dict[str, str]) -> list[str]:
    # A column of bytes reads as hex.
    wanted = {**secrets, **{f"{name}, as bytes": one.encode().hex() for name, one in
                            secrets.items()}}  # fmt: skip
    return [line for table, row in _rows_of(schema) for line in _found(row, wanted, table)]


def _values_of(redis: Redis) -> Iterator[tuple[str, str]]:
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": redis.get,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"hash": redis.hgetall,
        b"zset": lambda key: redis.zrange(key, 0, -1),
    }
    for key in redis.scan_iter():
        yield repr(key), repr(readers[redis.type(key)](key))


@pytest.mark.slow
def test_no_secret_of_an_account_is_anywhere(
    client_for: Callable[..., AccountClient],
    ada: User,
    acme: Account,
    things: Things,
    secrets: dict[str, str],
    log: list[str],
    redis: Redis,
) -> None:
    ada_client = client_for(ada, acme)
    nobody = client_for(None, acme)
    with in_account(acme):
        user = User.objects.get(email="guest@acme.example")
    nobody.post(f"/invitations/{secrets['invitation']}/", {"name": "Guest", "password": PASSWORD})
    nobody.post("/login/", {"login": user.email, "password": WRONG})
    nobody.post("/login/", {"login": user.email, "password": PASSWORD})
    nobody.post(
        "/api/auth/v1/token",
        {
            "grant_type": "client_credentials",
            "client_id": "app_unknown",
            "client_secret": secrets["client secret of copilot"],
        },
    )
    secrets = {**secrets, "password": PASSWORD, "wrong password": WRONG}

    wrong = []
    for row in _pages(ACCOUNT_ROWS, "ada"):
        body = ada_client.get(address(row, things), follow=True).getvalue().decode(errors="replace")
        wrong += _found(body, secrets, row.path)
    wrong += _tables_with(acme.schema_name, secrets)
    wrong += _tables_with("public", secrets)
    wrong += [line for key, value in _values_of(redis) for line in _found(value, secrets, key)]
    wrong += [line for text in log for line in _found(text, secrets, f"the log: {text[:90]}")]

    assert "\n".join(wrong) == ""


@pytest.mark.slow
def test_no_secret_of_the_platform_is_anywhere(
    sam_client: AccountClient, acme: Account, llm: Llm, things: Things, log: list[str], redis: Redis
) -> None:
    secrets = {"credential": CREDENTIAL}
    at = f"/llms/{llm.pk}/credential/"
    stored = sam_client.post(at, {"api_key": CREDENTIAL}, follow=True)
    refused = sam_client.post(at, {"api_key": f"{CREDENTIAL} {CREDENTIAL}"})
    assert (stored.status_code, refused.status_code) == (200, 422)

    wrong = _found(stored.content.decode(), secrets, "the answer")
    wrong += _found(refused.content.decode(), secrets, "the refusal")
    for row in _pages(PUBLIC_ROWS, "sam"):
        body = sam_client.get(address(row, things), follow=True).getvalue().decode(errors="replace")
        wrong += _found(body, secrets, row.path)
    wrong += _tables_with("public", secrets)
    wrong += _tables_with(acme.schema_name, secrets)
    wrong += [line for key, value in _values_of(redis) for line in _found(value, secrets, key)]
    wrong += [line for text in log for line in _found(text, secrets, f"the log: {text[:90]}")]

    assert "\n".join(wrong) == ""


def test_the_search_for_secrets_finds_what_is_there(
    acme: Account, redis: Redis, log: list[str]
) -> None:
    secrets = {"canary": "canary-that-stands-somewhere"}
    redis.set("somewhere", secrets["canary"])
    with in_public(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {acme.schema_name}.identity_user SET name = %s", [secrets["canary"]]
        )

    [line, *_] = _tables_with(acme.schema_name, secrets)
    assert re.fullmatch(rf"{acme.schema_name}\.identity_user holds the canary", line)
    assert any(secrets["canary"] in value for _key, value in _values_of(redis))


def _pages(rows: list[Row], who: str) -> list[Row]:
    # What ends the session, or leads elsewhere, shows nothing.
    return [
        row for row in rows if row.method == "GET" and who in row.who and "logout" not in row.path
    ]
