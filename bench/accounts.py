"""Creating an account, beside what it cannot do without: the copy of the template's schema.

    python bench/accounts.py [accounts]

On Postgres and Valkey of its own, durable as in a run. The target: the whole service call takes
less than a second, and less than five times the bare copy of the schema.
"""

import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(ROOT / ".data" / "bench"),
    COCKPIT_LOG_LEVEL="WARNING",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)


def main(accounts: int) -> None:
    """Measure and print."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate_all", verbosity=0)
    mark = os.getpid()
    whole = [_seconds_to_create(f"bench-{mark}-{number}") for number in range(accounts)]
    copies = [_seconds_to_copy(f"bench_copy_{mark}_{number}") for number in range(accounts)]
    for title, seconds in (("whole service call", whole), ("copy of the schema", copies)):
        print(
            f"{title}: median {statistics.median(seconds):.2f} s, "
            f"best {min(seconds):.2f} s, worst {max(seconds):.2f} s"
        )
    print(f"ratio of the medians: {statistics.median(whole) / statistics.median(copies):.1f}")


def _seconds_to_create(slug: str) -> float:
    from core.audit.services import Actor
    from core.tenancy.context import in_public
    from tenants.services.accounts import create_account

    began = time.perf_counter()
    with in_public():
        create_account(
            name=slug, slug=slug, admin_email=f"admin@{slug}.example", actor=Actor.system("bench")
        )
    return time.perf_counter() - began


def _seconds_to_copy(schema: str) -> float:
    from django.db import connection, transaction

    from core.tenancy.cloning import clone_template
    from core.tenancy.context import in_public

    began = time.perf_counter()
    with in_public(), transaction.atomic():
        clone_template(schema)
    seconds = time.perf_counter() - began
    with in_public(), connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{schema}" CASCADE')
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
