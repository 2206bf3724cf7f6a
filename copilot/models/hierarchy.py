"""Copilot's own organizations, teams and members."""

from django.db import models

from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)


class Organization(AbstractOrganization):
    """An organization of Copilot."""


class Team(AbstractTeam):
    """A team of Copilot."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")


class Member(AbstractMember):
    """Somebody's seat in Copilot."""


class Membership(AbstractMembership):
    """A member's place in Copilot."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="memberships"
    )
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
