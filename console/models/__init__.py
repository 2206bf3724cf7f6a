"""Tables of Console."""

from console.models.hierarchy import Member, Membership, Organization, Team
from console.models.keys import VirtualKey

__all__ = ("Member", "Membership", "Organization", "Team", "VirtualKey")
