"""What every membership can spend, and a split over many members.

    python bench/effective.py [members]

The targets: the effective view of 100,000 memberships in one query under 300 ms on the server; a
split over 10,000 members applied under 2 s.
"""

import sys
import time

from people import account_with, best_of


def main(members: int) -> None:
    """Measure and print."""
    account = account_with(members, max(members // 33, 1))

    from django.db import connection

    from core.access.scopes import EVERYTHING
    from core.audit.services import Actor
    from core.credits.effective import EFFECTIVE, effective_of
    from core.credits.selectors import book_of, open_cycle_of
    from core.credits.services import splitting, undoing
    from core.hierarchy.product import product_named
    from core.hierarchy.selections import all_below, unallocated_id
    from core.kit.ids import uuid7
    from core.tenancy.context import in_account

    me = Actor.system("bench")
    with in_account(account):
        product, book = product_named("copilot"), book_of("copilot")
        selection = all_below(
            product, EVERYTHING, source_id=unallocated_id(product), level="membership"
        )
        wish = selection.wish(10**12)
        preview, _ = best_of(lambda: splitting.plan_split(wish), 3)
        print(f"preview of a split over {members}: {preview:.0f} ms")
        began = time.perf_counter()
        act = splitting.split_credits(wish=wish, actor=me, idempotency_key=str(uuid7()))
        print(f"split over {members} applied: {time.perf_counter() - began:.2f} s")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        given = {"cycle": open_cycle_of(book).pk, "book": book.pk}

        all_of_it = ", ".join(
            (
                "count(*)",
                *(f"sum(cardinality({name}))" for name in ("payers", "via", "free")),
                "sum(spendable)",
            )
        )

        def on_the_server() -> None:
            with connection.cursor() as cursor:
                # All of each row is asked for: what nobody reads the planner leaves out.
                cursor.execute(f"SELECT {all_of_it} FROM ({EFFECTIVE}) AS found", given)  # noqa: S608
                cursor.fetchall()

        print(
            "effective view of {} on the server: median {:.0f} ms, worst {:.0f} ms".format(
                members, *best_of(on_the_server)
            )
        )
        print(
            "the same, read into Python: median {:.0f} ms, worst {:.0f} ms".format(
                *best_of(lambda: effective_of(book))
            )
        )
        began = time.perf_counter()
        undoing.undo_act(act=act, actor=me, idempotency_key=str(uuid7()))
        print(f"the split undone: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
