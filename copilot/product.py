"""What Copilot plugs into the engines."""

from copilot.models.hierarchy import Member, Membership, Organization, Team
from core.hierarchy.product import Product

PRODUCT = Product(
    slug="copilot",
    title="Copilot",
    organization=Organization,
    team=Team,
    member=Member,
    membership=Membership,
)
