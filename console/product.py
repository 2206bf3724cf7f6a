"""What Console plugs into the engines."""

from console.models.hierarchy import Member, Membership, Organization, Team
from core.hierarchy.product import Product

PRODUCT = Product(
    slug="console",
    title="Console",
    organization=Organization,
    team=Team,
    member=Member,
    membership=Membership,
)
