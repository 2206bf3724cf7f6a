"""Tables of Console."""

from console.models.deployments import CheckOutcome, Deployment, OwnLlm, OwnPrice
from console.models.hierarchy import Member, Membership, Organization, Team
from console.models.keys import VirtualKey

__all__ = (
    "CheckOutcome",
    "Deployment",
    "Member",
    "Membership",
    "Organization",
    "OwnLlm",
    "OwnPrice",
    "Team",
    "VirtualKey",
)
