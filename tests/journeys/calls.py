"""What the journeys do over and over: exchange a token, look at a ledger."""

import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import jwt

from tests.journeys.installation import Installation

MICRO = 1_000_000


def user_token(installation: Installation, account: str, nick: str) -> str:
    """Do what alchemi-web does: sign an assertion for a member and exchange it."""
    acme = installation.demo["accounts"][account]
    app = acme["copilot_client"]
    people = {"ada": acme["admin"], **acme["members"]}
    with installation.api(account) as api:
        url = f"{installation.demo['cockpit_url']}api/auth/v1/token"
        now = int(time.time())
        assertion = jwt.encode(
            {
                "iss": app["client_id"],
                "sub": people[nick]["email"],
                "aud": url,
                "iat": now,
                "exp": now + 50,
                "jti": uuid4().hex,
            },
            app["client_secret"],
            algorithm="HS256",
        )
        answer = api.post(
            "/api/auth/v1/token",
            data={
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "subject_token": assertion,
                "client_id": app["client_id"],
                "client_secret": app["client_secret"],
            },
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def used(installation: Installation, account: str, product: str) -> int:
    """Return all that was charged in a product, from its balances."""
    rows = installation.rows(
        account,
        """SELECT coalesce(sum(b.used), 0) AS used FROM credits_balance b
           JOIN credits_cycle c ON c.id = b.cycle_id JOIN credits_book k ON k.id = c.book_id
           WHERE k.product = %s""",
        product,
    )
    return int(rows[0]["used"])


def held(installation: Installation, account: str, product: str) -> int:
    """Return what running calls hold in a product."""
    rows = installation.rows(
        account,
        """SELECT coalesce(sum(b.reserved), 0) AS held FROM credits_balance b
           JOIN credits_cycle c ON c.id = b.cycle_id JOIN credits_book k ON k.id = c.book_id
           WHERE k.product = %s""",
        product,
    )
    return int(rows[0]["held"])


def last_event(installation: Installation, account: str, product: str) -> dict[str, Any]:
    """Return the newest usage event of a product."""
    return installation.rows(
        account,
        "SELECT * FROM credits_usageevent WHERE product = %s ORDER BY created_at DESC LIMIT 1",
        product,
    )[0]


def as_microcredits(text: str) -> int:
    """Read what a header or a page says."""
    return int(Decimal(text.replace(",", "")) * MICRO)
