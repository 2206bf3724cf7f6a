"""Tables of Copilot."""

from copilot.models.hierarchy import Member, Membership, Organization, Team

__all__ = ("Member", "Membership", "Organization", "Team")
