"""The last step of a job: the invitations of those who are new, mailed at least once.

An invitation is made in one transaction, mailed after its commit, and ticked off in the next. A
worker that dies between sends a second mail later, whose link replaces the first one's; never
none.
"""

from functools import partial

from django.db.models import Q

from core.audit.services import Actor
from core.identity.mail import compose, deliver
from core.identity.models import User
from core.identity.services import InvitationLink, invite_user
from core.kit.clock import now
from core.people.models import PeopleJob, PeopleJobRow
from core.people.services.steps import Step

BATCH = 50


def mail_batch(job: PeopleJob, actor: Actor) -> Step:
    """Invite the next people of a job; their mails go out after the commit."""
    rows = list(
        PeopleJobRow.objects.filter(
            Q(mailed_at=None), job=job, to_mail=True, member_id__isnull=False
        ).order_by("number")[:BATCH]
    )
    if not rows:
        return Step(has_more=False)
    users = _users_of(job, rows)
    links: list[tuple[User, InvitationLink]] = []
    for row in rows:
        user = users.get(str(row.member_id))
        # Somebody may have joined meanwhile, or stand in several lines.
        if user is not None and not user.has_joined and user.pk not in {u.pk for u, _l in links}:
            links.append((user, invite_user(user=user, actor=actor)))
    return Step(
        has_more=True, after_commit=partial(_send, job, [row.pk for row in rows], links, actor)
    )


def _users_of(job: PeopleJob, rows: list[PeopleJobRow]) -> dict[str, User]:
    from core.hierarchy.product import product_named

    members = product_named(job.product).member._default_manager
    found = members.filter(pk__in=[row.member_id for row in rows], archived_at=None)
    return {str(member.pk): member.user for member in found.select_related("user")}


def _send(
    job: PeopleJob, rows: list[int], links: list[tuple[User, InvitationLink]], actor: Actor
) -> None:
    for user, link in links:
        message = compose(
            "invitation",
            to=user.email,
            invited_to=job.options.get("company", ""),
            invited_by=actor.label,
            url=str(job.options.get("link", "")).replace("TOKEN", link.token),
            company=job.options.get("company", ""),
        )
        deliver(message, kind="invitation")
    PeopleJobRow.objects.filter(pk__in=rows).update(mailed_at=now())
