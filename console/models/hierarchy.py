"""Console's own organizations, teams and members."""

from django.db import models

from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)


class Organization(AbstractOrganization):
    """An organization of Console."""


class Team(AbstractTeam):
    """A team of Console."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")


class Member(AbstractMember):
    """Somebody's seat in Console."""


class Membership(AbstractMembership):
    """A member's place in Console."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="memberships"
    )
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
