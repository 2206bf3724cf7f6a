"""The people pages with 100,000 members in 2,000 teams, and an import of 10,000 people.

    python bench/people_pages.py [members] [teams]

On Postgres and Valkey of its own, durable as in a run. Prints for each page the processor time of
Python and of Postgres (medians of seven, after one that warms up), which other work on the machine
hardly changes, the least wall time, and the queries. The target: no page over 200 ms, and no more
queries than with ten members.
"""

import os
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(ROOT / ".data" / "bench"),
    COCKPIT_LOG_LEVEL="ERROR",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)

ROUNDS = 7
IMPORTED = 10_000
PRODUCT = "console"


def main(members: int, teams: int) -> None:
    """Build, measure and print."""
    import django
    from django.core.management import call_command

    django.setup()
    from bench.crowd import fill

    call_command("migrate_all", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    account = _account(f"people-{members}-{teams}-{os.getpid()}")
    began = time.perf_counter()
    fill(account, PRODUCT, members, teams)
    print(f"{members:,} members in {teams:,} teams, made in {time.perf_counter() - began:.0f} s\n")
    _pages(account)
    _export(account)
    _import(account)


def _account(slug: str) -> Any:
    from core.audit.services import Actor
    from core.identity.models import User
    from core.tenancy.context import in_account, in_public
    from tenants.services.accounts import create_account

    with in_public():
        made = create_account(
            name=slug, slug=slug, admin_email=f"admin@{slug}.example", actor=Actor.system("bench")
        )
    with in_account(made.account):
        User.objects.update(is_active=True)
    return made.account


def _pages(account: Any) -> None:
    client, ids = admin_client(account), _ids(account)
    at = f"/{PRODUCT}"
    pages = {
        "members": f"{at}/member/",
        "members, page 1,000": f"{at}/member/?after={ids['deep']}",
        "members, search for a name": f"{at}/member/?q=tanaka",
        "members, search for one": f"{at}/member/?q=person77777",
        "members, search in vain": f"{at}/member/?q=nobodyiscalledthat",
        "members of a team": f"{at}/member/?place={ids['team']}",
        "members of an organization": f"{at}/member/?place={ids['organization']}",
        "members, invited": f"{at}/member/?state=invited",
        "members, archived": f"{at}/member/?state=archived",
        "a member": f"{at}/member/{ids['member']}/change/",
        "before archiving a member": f"{at}/member/{ids['member']}/archive/",
        "add a member": f"{at}/member/add/",
        "find a place": f"{at}/member/places/?q=team+19",
        "organizations": f"{at}/organization/",
        "an organization": f"{at}/organization/{ids['organization']}/change/",
        "before archiving one": f"{at}/organization/{ids['organization']}/archive/",
        "global": f"{at}/organization/{ids['global']}/change/",
        "teams": f"{at}/team/",
        "teams, search": f"{at}/team/?q=1999",
        "a team": f"{at}/team/{ids['team']}/change/",
        "people for a team": f"{at}/team/{ids['team']}/candidates/?q=silva",
        "new team": f"{at}/team/add/",
        "move a team": f"{at}/team/{ids['team']}/move/?target={ids['organization']}",
        "palette": "/search/?s=tanaka",
        "keys": f"{at}/keys/",
        "find a place for a key": f"{at}/keys/places/?q=tanaka",
        "REST, members": f"/api{at}/v1/members",
        "REST, members called so": f"/api{at}/v1/members?q=tanaka",
        "REST, one by address": f"/api{at}/v1/members?q=person77777",
        "REST, members of a team": f"/api{at}/v1/members?team={ids['team']}",
        "overview": f"{at}/",
        "credits": f"{at}/credits/",
    }
    print_pages(client, pages)


def print_pages(client: Any, pages: dict[str, str]) -> None:
    """Print what each page takes: processor time here and in Postgres, wall time, queries, size."""
    from bench.people import cpu_of
    from cockpit.collector import keep_what_is_loaded

    # As the web process does once it has loaded; before that, the first page loads the routes.
    client.get(next(iter(pages.values())))
    keep_what_is_loaded()
    print(
        f"{'page':34} {'Python ms':>9} {'Postgres ms':>11} {'wall ms':>8} {'queries':>8} {'kB':>6}"
    )
    for title, path in pages.items():
        python, postgres, wall, queries = cpu_of(partial(client.get, path), ROUNDS)
        response = client.get(path)
        mark = "" if response.status_code == 200 else f"  status {response.status_code}"
        mark += "  over 200 ms" if python + postgres > 200 else ""
        print(
            f"{title:34} {python:9.0f} {postgres:11.0f} {wall:8.0f} {queries:7}"
            f" {len(response.content) / 1024:6.0f}{mark}",
            flush=True,
        )


def admin_client(account: Any) -> Any:
    """Return a client that is signed in as an account's first admin."""
    from django.test import Client

    from core.identity.models import User
    from core.tenancy.context import in_account

    client = Client(HTTP_HOST=f"{account.slug}.localhost")
    with in_account(account):
        client.force_login(User.objects.get(email__startswith="admin@"))
    return client


def _ids(account: Any) -> dict[str, Any]:
    from core.hierarchy.product import product_named
    from core.tenancy.context import in_account

    product = product_named(PRODUCT)
    with in_account(account):
        organizations: Any = product.organization._default_manager
        members: Any = product.member._default_manager
        in_order = members.order_by("user__name", "user__email").values_list("pk", flat=True)
        return {
            "team": product.team._default_manager.earliest("name").pk,
            "organization": organizations.filter(is_global=False).earliest("name").pk,
            "global": organizations.get(is_global=True).pk,
            "member": in_order.first(),
            "deep": in_order[min(50_000, in_order.count() - 1)],
        }


def _export(account: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    lines = sum(
        part.count(b"\n") for part in admin_client(account).get(f"/{PRODUCT}/member/export.csv")
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"\nexport: {lines:,} lines in {time.perf_counter() - began:.1f} s, "
        f"peak memory {grown / 1024:.0f} MB above what the pages took"
    )


def _import(account: Any) -> None:
    from core.audit.services import Actor
    from core.hierarchy.product import product_named
    from core.identity.models import User
    from core.people.models import JobKind, PeopleJob
    from core.people.reading import guess_columns, read_table
    from core.people.services import jobs
    from core.tenancy.context import in_account

    head = "email,name,organization,team\n"
    text = head + "".join(
        f"import{n}@people.example,Import {n},Division {n % 20:02},Team {n % 2000:04}\n"
        for n in range(IMPORTED)
    )
    with in_account(account):
        admin = User.objects.get(email__startswith="admin@")
        actor = Actor("user", str(admin.pk), str(admin))
        job = jobs.create_job(
            product=product_named(PRODUCT),
            kind=JobKind.IMPORT,
            title="bench.csv",
            user_id=admin.pk,
            actor=actor,
            source=text,
            options={
                "columns": guess_columns(read_table(text).header),
                "creates_places": True,
            },
        )
        for title, start in (("check", jobs.check_job), ("import", jobs.start_job)):
            more = {} if title == "check" else {"actor": actor, "at_once": True}
            start(job=job, **more)  # type: ignore[operator]
            began = time.perf_counter()
            jobs.work_off(job.pk)
            counted = PeopleJob.objects.get(pk=job.pk).counted
            print(f"{title} of {IMPORTED:,}: {time.perf_counter() - began:.1f} s, {counted}")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100_000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 2_000,
    )
