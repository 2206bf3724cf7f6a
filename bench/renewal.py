"""The renewal of a book: one transaction that ends a cycle, begins the next and replays all rules.

    python bench/renewal.py [members] [teams]

All members share equally, every team and organization has an allocation, and what is left rolls
over. Calls go on meanwhile in the cycle that is open; they wait only for the locks of its end.
"""

import os
import sys
import time
from pathlib import Path

from people import account_with
from processor import postgres_seconds


def main(members: int, teams: int) -> None:
    """Measure and print."""
    account = account_with(members, teams)

    from core.access.scopes import EVERYTHING
    from core.audit.services import Actor
    from core.credits.invariants import broken_invariants
    from core.credits.models import Period, Rollover
    from core.credits.selectors import book_of, open_cycle_of
    from core.credits.services import plans, renewing, splitting
    from core.credits.services.allocating_many import allocate_many
    from core.hierarchy.product import product_named
    from core.hierarchy.selections import all_below, unallocated_id
    from core.kit.ids import uuid7
    from core.tenancy.context import in_account

    me = Actor.system("bench")
    with in_account(account):
        product, book = product_named("copilot"), book_of("copilot")
        terms = plans.PlanTerms(
            grant=2 * 10**13, period=Period.MONTH, rollover=Rollover.ALL, rollover_cap=0
        )
        plans.set_plan(book=book, terms=terms, actor=me)
        above = [*product.organization.objects.filter(is_global=False), *product.team.objects.all()]
        allocate_many(
            book=book,
            amounts={node.wallet_id: 10**9 for node in above if hasattr(node, "organization_id")}
            | {
                node.wallet_id: 2 * 10**8 * teams
                for node in above
                if not hasattr(node, "organization_id")
            },
            actor=me,
            idempotency_key=str(uuid7()),
        )
        everybody = all_below(
            product, EVERYTHING, source_id=unallocated_id(product), level="membership"
        )
        splitting.split_credits(wish=everybody.wish(10**12), actor=me, idempotency_key=str(uuid7()))
        for _ in range(3):
            cycle = open_cycle_of(book)
            server = postgres_seconds(_server())
            began, busy = time.perf_counter(), time.process_time()
            begun = renewing.renew_book(book=book, actor=me, as_of=cycle.ends_at)
            taken, busy = time.perf_counter() - began, time.process_time() - busy
            assert [one.number for one in begun] == [cycle.number + 1]
            print(
                f"renewal of {members + len(above)} wallets into cycle {cycle.number + 1}: "
                f"{taken:.2f} s; processor time {busy:.2f} s of this process, "
                f"{postgres_seconds(_server()) - server:.2f} s of Postgres"
            )
        assert broken_invariants() == []


def _server() -> int:
    """Return the process of the server that `account_with` has started."""
    from cockpit.embedded.postgres import Postgres

    cluster = Postgres(Path(os.environ["COCKPIT_DATA"])).cluster
    return int((cluster / "postmaster.pid").read_text().split()[0])


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    main(*(arguments or (10_000, 300)))
