"""The audit log with a million entries: pages, plans, files, writing, sealing, verifying.

    python bench/audit.py [entries]

On Postgres and Valkey of its own, durable as in a run. The targets: every page of the log under
200 ms, whatever it is narrowed by; writers that do not wait for each other; a file in constant
memory.
"""

import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(ROOT / ".data" / "bench"),
    COCKPIT_LOG_LEVEL="WARNING",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)

WRITERS, EACH = 16, 40
# What else a transaction does; a real one asks and writes some rows.
WORK_SECONDS = 0.005
SEALED = 20_000

_FILL = """
INSERT INTO audit_auditentry (id, created_at, product, actor_kind, actor_id, actor_label,
    on_behalf_of, verb, target_kind, target_id, target_label, before, after, nodes, reason,
    request_id, address, signature)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid, at,
    (ARRAY['', 'copilot', 'copilot', 'copilot', 'console'])[1 + n %% 5], 'user',
    (n * 7919 %% 300)::text, 'Person ' || (n * 7919 %% 300) || ' of Department ' || n %% 40, '',
    (%(verbs)s::text[])[1 + (n * n %% 97) %% %(count)s], 'team', md5((n %% 20000)::text),
    'Team ' || n %% 20000, '{"name": "before"}', '{"name": "after", "credits": "5"}',
    ARRAY[md5((n %% 300)::text)::uuid],
    CASE WHEN n %% 10 = 0 THEN 'because of ticket ' || n ELSE '' END, md5('r' || n), '203.0.113.7',
    ''
FROM (SELECT n, now() - interval '1 hour' - (%(entries)s - n) * interval '60 seconds' AS at
      FROM generate_series(1, %(entries)s::bigint) AS n) AS numbers
"""


def main(count: int) -> None:
    """Measure and print."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate_all", verbosity=0)
    from core.audit.services import Actor
    from core.tenancy.context import in_account, in_public
    from tenants.services.accounts import create_account

    slug = f"audit-{os.getpid()}"
    with in_public():
        account = create_account(
            name=slug, slug=slug, admin_email=f"admin@{slug}.example", actor=Actor.system("bench")
        ).account
    with in_account(account):
        _fill(count)
        _pages(account)
        _file(account)
    _writers(account)
    with in_account(account):
        _chain()


def _fill(count: int) -> None:
    from django.db import connection, transaction

    import cockpit.urls_account  # noqa: F401  declares every verb
    from core.audit import verbs

    names = [verb.name for verb in verbs.all_verbs()]
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FILL, {"entries": count, "verbs": names, "count": min(len(names), 40)})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_auditentry")
        cursor.execute(
            "SELECT pg_size_pretty(pg_table_size('audit_auditentry')),"
            " pg_size_pretty(pg_indexes_size('audit_auditentry'))"
        )
        table, indexes = cursor.fetchone()
    print(f"{count:,} entries in {time.perf_counter() - began:.0f} s; {table}, indexes {indexes}")


def _pages(account: Any) -> None:
    from django.test import Client

    from core.identity.models import User

    admin = User.objects.get()
    admin.is_active = True
    admin.save()
    client = Client(SERVER_NAME=f"{account.slug}.localhost")
    client.force_login(admin)
    for title, narrowed in _filters():
        times = [_milliseconds(partial(_entries, narrowed)) for _ in range(7)]
        print(
            f"{title:34} median {statistics.median(times):7.1f} ms, worst {max(times):7.1f} ms"
            f"   {_plan(narrowed)}"
        )
    for address in ("", "?q=ticket", "?verb=people", "?before=&live=1"):
        ask = partial(client.get, f"/copilot/audit/{address}")
        ask()
        cpu = time.process_time()
        times = [_milliseconds(ask) for _ in range(7)]
        cpu = (time.process_time() - cpu) * 1000 / len(times)
        print(
            f"whole page /audit/{address:16} median {statistics.median(times):7.1f} ms, of these "
            f"{cpu:.0f} ms CPU here"
        )


def _filters() -> Iterator[tuple[str, dict[str, Any]]]:
    from core.audit.models import AuditEntry
    from core.kit.clock import now

    some = AuditEntry.objects.order_by("id")[1234]
    mine = list(some.nodes)
    wide = list({node for entry in AuditEntry.objects.all()[:5000] for node in entry.nodes})[:100]
    yield "the latest, platform", {}
    yield "the latest, one product", {"product": "copilot"}
    yield "the latest, account-wide", {"product": "copilot", "only": "account"}
    yield "a page in the middle", {"product": "copilot", "before": some.pk}
    yield "a frequent verb", {"product": "copilot", "verb": some.verb}
    yield "a verb that never occurs", {"product": "copilot", "verb": "key.never"}
    yield "a category", {"product": "copilot", "category": "people"}
    yield "one person", {"product": "copilot", "by": "17"}
    yield "one target", {"product": "copilot", "about": some.target_id}
    yield "one request", {"product": "copilot", "request": some.request_id}
    yield "a frequent word", {"product": "copilot", "text": "department"}
    yield "a rare word", {"product": "copilot", "text": "ticket 500000"}
    yield "a word that never occurs", {"product": "copilot", "text": "zanzibar"}
    yield "the beginning of a word", {"product": "copilot", "text": "tick"}
    yield "an id", {"product": "copilot", "text": str(some.pk)}
    yield (
        "a month long ago",
        {
            "product": "copilot",
            "since": now() - timedelta(days=400),
            "until": now() - timedelta(days=370),
        },
    )
    yield "one team's admin", {"product": "copilot", "within": mine}
    yield "the admin of 100 teams", {"product": "copilot", "within": wide}
    yield "one team, one person, one word", {
        "product": "copilot", "within": mine, "by": some.actor_id, "text": "person",
    }  # fmt: skip


def _entries(narrowed: dict[str, Any]) -> list[Any]:
    from core.audit.selectors import entries

    return entries(limit=51, **narrowed)


def _plan(narrowed: dict[str, Any]) -> str:
    """Return the indexes that the statements of a page read."""
    import re

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        _entries(narrowed)
    found: list[str] = []
    with connection.cursor() as cursor:
        for query in captured:
            cursor.execute(f"EXPLAIN {query['sql']}")
            text = "\n".join(row[0] for row in cursor.fetchall())
            found += re.findall(r"(?:using|Index Scan on|Backward using) (\w+)", text)
            found += ["SEQ SCAN"] if "Seq Scan" in text else []
    return ", ".join(dict.fromkeys(found))


def _file(account: Any) -> None:
    from django.http import HttpRequest, QueryDict

    from core.kit.clock import now
    from core.ui.audit_file import audit_csv
    from core.ui.audit_view import view_of

    request = HttpRequest()
    request.account = account  # type: ignore[attr-defined]
    # A month holds some 43,000.
    request.GET = QueryDict(f"from={now() - timedelta(days=30):%Y-%m-%d}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, size, lines = time.perf_counter(), 0, 0
    for part in audit_csv(request, view_of(request)):
        size += len(part)
        lines += part.count(b"\r\n")
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"CSV of a month: {size / 1e6:.0f} MB in {seconds:.0f} s, "
        f"{lines / seconds:,.0f} entries/s, the process grew by {grown:.0f} MB at most"
    )


def _writers(account: Any) -> None:
    """Writers with sealing beside them, and as they would be if each had to chain by itself."""
    for title, chained in (("sealed by a job", False), ("chained by each writer", True)):
        stop = threading.Event()
        with ThreadPoolExecutor(WRITERS + 1) as pool:
            sealer = pool.submit(_seal_until, stop, account)
            began = time.perf_counter()
            write = partial(_write, account, chained=chained)
            times = sorted(one for found in pool.map(write, range(WRITERS)) for one in found)
            seconds = time.perf_counter() - began
            stop.set()
            sealer.result()
        print(
            f"{WRITERS} writers, {title:24} {len(times) / seconds:6.0f} transactions/s, median "
            f"{statistics.median(times):6.1f} ms, p99 {times[int(len(times) * 0.99)]:6.1f} ms"
        )


def _write(account: Any, number: int, *, chained: bool) -> list[float]:
    from django.db import connection, transaction

    from core.audit.services import Actor, record
    from core.audit.verbs import register
    from core.tenancy.context import in_account

    verb = register("test.bench", "{actor} measured {target}")
    actor, target = Actor.system("bench"), ("bench", str(number), "b")
    times = []
    with in_account(account):
        for _ in range(EACH):
            began = time.perf_counter()
            with transaction.atomic(), connection.cursor() as cursor:
                if chained:
                    cursor.execute("SELECT pg_advisory_xact_lock(4711)")
                    cursor.execute("SELECT max(sequence) FROM audit_auditseal")
                record(actor=actor, verb=verb, target=target)
                cursor.execute("SELECT pg_sleep(%s)", [WORK_SECONDS])
            times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return times


def _seal_until(stop: threading.Event, account: Any) -> None:
    from django.db import connection

    from core.audit.sealing import seal_batch
    from core.tenancy.context import in_account

    with in_account(account):
        while not stop.wait(0.05):
            seal_batch()
    connection.close()


def _chain() -> None:
    from core.audit.sealing import seal_batch
    from core.audit.verifying import findings

    began, sealed = time.perf_counter(), 0
    while sealed < SEALED and (more := seal_batch(from_the_beginning=True)):
        sealed += more
    seconds = time.perf_counter() - began
    print(f"sealing: {sealed / seconds:,.0f} entries/s (the nightly look, over all)")
    began, sealed = time.perf_counter(), 0
    while sealed < SEALED and (more := seal_batch()):
        sealed += more
    if sealed:
        print(
            f"sealing: {sealed / (time.perf_counter() - began):,.0f} entries/s (the minute's look)"
        )
    times = [_milliseconds(seal_batch) for _ in range(5)]
    print(f"a look that finds nothing new or a batch: median {statistics.median(times):.1f} ms")
    began = time.perf_counter()
    # What is not sealed yet is not asked for here.
    found = sum(1 for finding in findings() if finding.sequence)
    from core.audit.sealing import head

    print(
        f"verifying: {head().sequence / (time.perf_counter() - began):,.0f} sealed entries/s, "
        f"{found} findings"
    )


def _milliseconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
