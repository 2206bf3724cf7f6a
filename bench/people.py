"""An account with as many members as a benchmark asks for, written straight into its tables."""

import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(ROOT / ".data" / "bench"),
    COCKPIT_LOG_LEVEL="WARNING",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)


def account_with(members: int, teams: int, organizations: int = 10) -> Any:
    """Create an account whose Copilot has that many members in teams; return it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate_all", verbosity=0)

    from core.audit.services import Actor
    from core.credits.models import Balance, Wallet
    from core.credits.selectors import book_of, open_cycle_of
    from core.credits.services import allocating
    from core.hierarchy.product import product_named
    from core.identity.models import User
    from core.kit.ids import uuid7
    from core.tenancy.context import in_account, in_public
    from tenants.services.accounts import create_account

    me = Actor.system("bench")
    slug = f"bench-{members}-{os.getpid()}"
    with in_public():
        account = create_account(
            name=slug, slug=slug, admin_email=f"admin@{slug}.example", actor=me
        ).account
    with in_account(account):
        product = product_named("copilot")
        book = book_of("copilot")
        cycle = open_cycle_of(book)

        def wallets(kind: str, depth: int, parents: list[Any]) -> list[Any]:
            made = [
                Wallet(id=uuid7(), book=book, kind=kind, depth=depth, parent=parent)
                for parent in parents
            ]
            Wallet.objects.bulk_create(made, batch_size=5000)
            Balance.objects.bulk_create(
                [Balance(wallet=wallet, cycle=cycle) for wallet in made], batch_size=5000
            )
            return made

        tops = wallets("organization", 1, [None] * organizations)
        above = [
            product.organization(name=f"Organization {place}", wallet=wallet)
            for place, wallet in enumerate(tops)
        ]
        product.organization.objects.bulk_create(above)
        middles = wallets("team", 2, [tops[place % organizations] for place in range(teams)])
        rows = [
            product.team(
                name=f"Team {place}", wallet=wallet, organization=above[place % organizations]
            )
            for place, wallet in enumerate(middles)
        ]
        product.team.objects.bulk_create(rows)
        users = [
            User(email=f"person{place}@{slug}.example", name=f"Person {place}", password="!")  # noqa: S106
            for place in range(members)
        ]
        User.objects.bulk_create(users, batch_size=5000)
        seats = [product.member(user=user) for user in users]
        product.member.objects.bulk_create(seats, batch_size=5000)
        leaves = wallets("membership", 3, [middles[place % teams] for place in range(members)])
        product.membership.objects.bulk_create(
            [
                product.membership(
                    member=seat,
                    team=rows[place % teams],
                    organization=rows[place % teams].organization,
                    wallet=leaves[place],
                    is_primary=True,
                )
                for place, seat in enumerate(seats)
            ],
            batch_size=5000,
        )
        allocating.grant_credits(book=book, amount=10**13, actor=me, idempotency_key=str(uuid7()))
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return account


def best_of(what: Any, times: int = 5) -> tuple[float, float]:
    """Return the median and the worst time of a call in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)[len(taken) // 2], max(taken)


def cpu_of(what: Any, times: int = 5) -> tuple[float, float, float, int]:
    """Return the processor time of Python and of its Postgres backend, and the least wall time.

    In milliseconds, medians of several calls after one that warms up; and the queries of a call.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    what()
    python, postgres, wall = [], [], []
    for _ in range(times):
        before, began, busy = _backend_ms(), time.perf_counter(), time.process_time()
        what()
        python.append((time.process_time() - busy) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
        postgres.append(_backend_ms() - before)
    with CaptureQueriesContext(connection) as captured:
        what()
    middle = times // 2
    return sorted(python)[middle], sorted(postgres)[middle], min(wall), len(captured)


def _backend_ms() -> float:
    """Return how long our backend has been on a processor, as Linux counts it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
