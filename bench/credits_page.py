"""Server time of the credits pages with many members.

    python bench/credits_page.py [members] [teams]

The target: no page over 200 ms with 10,000 members in 300 teams. Beside the time of the whole page
the processor's, of Python and of Postgres, which other work on the machine hardly changes.
"""

import sys
from functools import partial
from typing import Any

from people import account_with, cpu_of


def main(members: int, teams: int) -> None:
    """Measure and print."""
    account = account_with(members, teams)

    from django.conf import settings
    from django.test import Client

    from cockpit.collector import keep_what_is_loaded
    from core.access.scopes import EVERYTHING
    from core.audit.services import Actor
    from core.credits.services import splitting
    from core.hierarchy.product import product_named
    from core.hierarchy.selections import all_below, unallocated_id
    from core.identity.models import User
    from core.kit.ids import uuid7
    from core.tenancy.context import in_account

    settings.ALLOWED_HOSTS = ["*"]
    with in_account(account):
        product = product_named("copilot")
        everybody = all_below(
            product, EVERYTHING, source_id=unallocated_id(product), level="membership"
        )
        splitting.split_credits(
            wish=everybody.wish(10**12), actor=Actor.system("bench"), idempotency_key=str(uuid7())
        )
        top = product.organization.objects.filter(is_global=False).first()
        team = product.team.objects.first()
        place = product.membership.objects.filter(team=team).first()
        everything = unallocated_id(product)
        admin = User.objects.get(email__startswith="admin@")
        admin.is_active = True
        admin.set_password("bench")
        admin.save()
        client = Client(HTTP_HOST=f"{account.slug}.localhost")
        client.force_login(admin)
    home = "/copilot/credits/"
    htmx = {"HTTP_HX_REQUEST": "true"}
    pages = {
        "the page": (home, {}, {}),
        "the page with a team open": (home, {"open": str(team.pk)}, {}),
        "a branch of an organization": (f"{home}branch/{top.wallet_id}/", {}, htmx),
        "a branch of a team": (f"{home}branch/{team.wallet_id}/", {}, htmx),
        "search": (home, {"q": "person 77"}, htmx),
        "a node": (f"{home}{team.wallet_id}/", {}, {}),
        "a member's node": (f"{home}{place.wallet_id}/", {}, {}),
        "split dialog": (f"{home}{top.wallet_id}/split/", {}, {}),
        "preview over an organization": (
            f"{home}{top.wallet_id}/split/",
            {"level": "membership", "total": "0", "nonce": str(uuid7())},
            htmx,
        ),
        "preview over everybody": (
            f"{home}{everything}/split/",
            {"level": "membership", "total": "1000", "nonce": str(uuid7())},
            htmx,
        ),
        "the overview": ("/copilot/", {}, {}),
        "allocations.csv": (f"{home}allocations.csv", {}, {}),
    }
    keep_what_is_loaded()
    print(f"{'page':32} {'Python ms':>9} {'Postgres ms':>11} {'wall ms':>8} {'queries':>8}")
    for title, (path, query, headers) in pages.items():
        python, postgres, wall, queries = cpu_of(partial(_get, client, path, query, headers))
        print(f"{title:32} {python:9.0f} {postgres:11.0f} {wall:8.0f} {queries:8}")


def _get(client: Any, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
    answer = client.get(path, query, **headers)
    assert answer.status_code == 200, (path, answer.status_code, answer.get("Location"))
    if answer.streaming:
        for _ in answer.streaming_content:
            pass


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    main(*(arguments or (10_000, 300)))
