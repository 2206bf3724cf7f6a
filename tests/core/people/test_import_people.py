"""Importing people, in both products: check, apply, crash, and what a branch admin may."""

from typing import Any

import pytest
from django.db import connection

from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, WalletKind
from core.hierarchy.product import Product
from core.hierarchy.services import nodes, seating
from core.identity.models import Invitation, RoleAssignment, User
from core.kit.problems import Problem
from core.people.models import JobKind, PeopleJob
from core.people.reading import guess_columns, read_table
from core.people.services import importing, jobs
from tests.cast import actor_of
from tests.core.ui.branch import branch_of, whole
from tests.core.ui.people import member_of, organization_of, team_of
from tests.factories.credits import split
from tests.mailbox import Mailbox

pytestmark = pytest.mark.usefixtures("in_acme")

FILE = """email,name,organization,team,primary
nora@acme.example,Nora New,Marketing,Content,
nora@acme.example,Nora New,Marketing,,
mia@acme.example,Mia Renamed,Marketing,Content,
mia@acme.example,Mia Renamed,Marketing,,yes
nobody,,,,
leo@acme.example,Leo,Legal,Contracts,
"""


def an_import(product: Product, user: User, text: str = FILE, **options: Any) -> PeopleJob:
    job = jobs.create_job(
        product=product,
        kind=JobKind.IMPORT,
        title="people.csv",
        user_id=user.pk,
        actor=actor_of(user),
        source=text,
        options={
            "columns": guess_columns(read_table(text).header),
            "creates_places": True,
            "link": "https://acme.example/invitation/TOKEN/",
            "company": "Acme",
            **options,
        },
    )
    jobs.check_job(job=job)
    jobs.work_off(job.pk)
    return PeopleJob.objects.get(pk=job.pk)


def apply(job: PeopleJob, user: User) -> PeopleJob:
    jobs.start_job(job=job, actor=actor_of(user), at_once=True)
    jobs.work_off(job.pk)
    return PeopleJob.objects.get(pk=job.pk)


def outcomes(job: PeopleJob) -> list[tuple[int, str]]:
    return list(job.rows.order_by("number").values_list("number", "outcome"))


def test_the_check_says_what_each_line_would_do_and_does_nothing(
    product: Product, ada: User
) -> None:
    people = product.member._default_manager.count()

    job = an_import(product, ada)

    assert (job.state, job.total) == ("ready", 6)
    assert outcomes(job) == [
        (2, "new"),
        (3, "changed"),
        (4, "changed"),
        (5, "changed"),
        (6, "error"),
        (7, "new"),
    ]
    assert job.counted == {"new": 2, "changed": 3, "error": 1}
    assert product.member._default_manager.count() == people


def test_the_import_does_what_the_check_said(product: Product, ada: User, mia: User) -> None:
    job = apply(an_import(product, ada), ada)

    assert (job.state, job.source) == ("done", "")
    nora = member_of(product, User.objects.get(email="nora@acme.example"))
    assert [str(place) for place in nora.memberships.filter(archived_at=None)] == [
        "Content",
        "global",
        "Marketing",
    ]
    assert nora.memberships.get(is_primary=True).team == team_of(product)
    leo = User.objects.get(email="leo@acme.example")
    assert str(member_of(product, leo).memberships.get(is_primary=True)) == "Contracts"
    assert organization_of(product, "Legal").wallet is not None
    mia.refresh_from_db()
    assert mia.name == "Mia Renamed"
    assert str(member_of(product, mia).memberships.get(is_primary=True)) == "Marketing"
    assert not leo.is_active
    assert RoleAssignment.objects.filter(user=leo, product=product.slug).count() == 1
    assert broken_invariants() == []


def test_each_person_has_one_entry_in_the_log(product: Product, ada: User) -> None:
    apply(an_import(product, ada), ada)

    entries = AuditEntry.objects.filter(verb="member.imported")
    assert sorted(entry.sentence for entry in entries) == [
        "Ada Admin imported Leo",
        "Ada Admin imported Mia Renamed",
        "Ada Admin imported Nora New",
    ]
    assert AuditEntry.objects.get(verb="people.imported").sentence == (
        "Ada Admin started the import of people.csv"
    )


def test_a_second_import_of_the_same_file_changes_nothing(product: Product, ada: User) -> None:
    apply(an_import(product, ada), ada)
    before = AuditEntry.objects.filter(verb="member.imported").count()

    again = apply(an_import(product, ada), ada)

    assert again.counted == {"unchanged": 5, "error": 1}
    assert AuditEntry.objects.filter(verb="member.imported").count() == before


def test_invitations_go_out_if_wanted_and_not_otherwise(
    product: Product, ada: User, mailbox: Mailbox, django_capture_on_commit_callbacks: Any
) -> None:
    apply(an_import(product, ada), ada)
    assert not Invitation.objects.filter(user__email="nora@acme.example").exists()

    text = "email\nzoe@acme.example\nada@acme.example\n"
    with django_capture_on_commit_callbacks(execute=True):
        job = apply(an_import(product, ada, text, invites=True), ada)

    assert Invitation.objects.filter(user__email="zoe@acme.example").count() == 1
    assert job.rows.get(number=2).mailed_at is not None
    assert job.rows.get(number=3).mailed_at is None


def test_a_batch_that_dies_is_done_again_and_doubles_nothing(
    product: Product, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"p{n}@acme.example,P {n},Marketing,Content,\n" for n in range(25))
    job = an_import(product, ada, f"email,name,organization,team,primary\n{lines}")
    jobs.start_job(job=job, actor=actor_of(ada), at_once=True)
    monkeypatch.setattr(importing, "BATCH", 10)

    jobs.work_on(job.pk)
    with pytest.raises(KeyboardInterrupt), connection.execute_wrapper(_dies_at_memberships):
        jobs.work_on(job.pk)
    halfway = product.member._default_manager.filter(user__email__startswith="p").count()
    jobs.work_off(job.pk)

    assert halfway == 10
    assert product.member._default_manager.filter(user__email__startswith="p").count() == 25
    assert PeopleJob.objects.get(pk=job.pk).counted == {"new": 25}
    assert broken_invariants() == []


def _dies_at_memberships(execute: Any, sql: str, *more: Any) -> Any:
    if sql.startswith("INSERT") and "_membership" in sql:
        raise KeyboardInterrupt
    return execute(sql, *more)


def test_a_lost_job_is_taken_up_again(product: Product, ada: User) -> None:
    job = an_import(product, ada)
    jobs.start_job(job=job, actor=actor_of(ada), at_once=True)

    fresh = jobs.resume_lost()
    PeopleJob.objects.filter(pk=job.pk).update(touched_at="2026-01-01T00:00Z")

    assert fresh == 0
    assert jobs.resume_lost() == 1


def test_one_line_that_cannot_be_done_stops_no_other(
    product: Product, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = an_import(product, ada)
    jobs.start_job(job=job, actor=actor_of(ada), at_once=True)
    seat = seating.seat_people

    def refuses_leo(**fields: Any) -> Any:
        if any(line.email == "leo@acme.example" for line in fields["lines"]):
            raise Problem("Leo is not welcome.")
        return seat(**fields)

    monkeypatch.setattr(importing, "seat_people", refuses_leo)
    jobs.work_off(job.pk)

    rows = {row.number: row for row in job.rows.all()}
    assert rows[7].outcome == "error"
    assert rows[7].note == "Leo is not welcome."
    assert rows[2].state == "done"


def test_things_that_change_after_the_check_are_seen(product: Product, ada: User) -> None:
    job = an_import(product, ada)
    nodes.create_organization(product=product, name="LEGAL", actor=actor_of(ada))

    apply(job, ada)

    assert product.organization._default_manager.filter(name__iexact="legal").count() == 1


def test_a_job_ends_with_the_right_to_do_it(product: Product, ada: User) -> None:
    job = an_import(product, ada)
    jobs.start_job(job=job, actor=actor_of(ada), at_once=True)
    User.objects.filter(pk=ada.pk).update(is_active=False)

    jobs.work_off(job.pk)

    assert not User.objects.filter(email="nora@acme.example").exists()
    assert PeopleJob.objects.get(pk=job.pk).counted == {"error": 6}


def test_who_is_imported_shares_in_the_split_in_force(product: Product, ada: User) -> None:
    branch = branch_of(product)
    split(branch.team.wallet, [branch.place.wallet], whole(40), level=WalletKind.MEMBERSHIP)
    text = "email,team\nnora@acme.example,Content\nleo@acme.example,Content\n"

    apply(an_import(product, ada, text), ada)

    for name in ("nora", "leo"):
        member = member_of(product, User.objects.get(email=f"{name}@acme.example"))
        place = member.memberships.get(team=team_of(product))
        assert AllocationRule.objects.get(wallet=place.wallet).split_id is not None
    assert broken_invariants() == []
