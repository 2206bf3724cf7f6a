"""More people of Acme, so that lists, filters and searches have something to show."""

from typing import Any
from unicodedata import normalize

from core.audit.services import Actor
from core.hierarchy.product import Product
from core.hierarchy.services.members import archive_member
from core.hierarchy.services.seating import SeatLine, seat_people
from core.identity.models import User
from core.identity.services import invite_user

# Name, team in Copilot, team in Console (empty: no seat there).
COLLEAGUES = (
    ("Amara Nwosu", "Brand", ""),
    ("Anders Holm", "Platform", "Platform API"),
    ("Beatriz Alonso", "Growth", ""),
    ("Caleb Fraser", "Mobile", "Platform API"),
    ("Chiara Bianchi", "Brand", ""),
    ("Dmitri Volkov", "Platform", "Data Science"),
    ("Elif Kaya", "Support EMEA", ""),
    ("Emeka Obi", "Support EMEA", ""),
    ("Farah Siddiqui", "Growth", ""),
    ("Felix Baumann", "Platform", "Platform API"),
    ("Grace Kim", "Mobile", ""),
    ("Hugo Lefèvre", "Support EMEA", ""),
    ("Ingrid Solberg", "Brand", ""),
    ("Jamal Reed", "Support Americas", ""),
    ("Joana Ribeiro", "Growth", ""),
    ("Kenji Mori", "Mobile", "Prototypes"),
    ("Lucía Herrera", "Support Americas", ""),
    ("Maja Kowalska", "Platform", "Data Science"),
    ("Marcus Bell", "Support Americas", ""),
    ("Nadia Haddad", "Brand", ""),
    ("Oskar Lindgren", "Platform", "Prototypes"),
    ("Paula Jiménez", "Growth", ""),
    ("Quentin Moreau", "Mobile", ""),
    ("Ravi Menon", "Platform", "Data Science"),
    ("Sofia Rinaldi", "Support EMEA", ""),
    ("Tomáš Dvořák", "Mobile", "Platform API"),
    ("Uma Krishnan", "Growth", ""),
    ("Viktor Ionescu", "Support EMEA", ""),
    ("Wanjiru Mwangi", "Support Americas", ""),
    ("Xiaoling Zhao", "Platform", "Data Science"),
    ("Zoë van Dijk", "Brand", ""),
)
# Some have not joined yet, and one has left.
_INVITED = ("Zoë van Dijk", "Xiaoling Zhao", "Wanjiru Mwangi")
_NOT_INVITED = ("Uma Krishnan",)
_LEFT = ("Quentin Moreau",)


def seed_colleagues(
    product: Product, *, domain: str, places: dict[str, Any], seeder: Actor
) -> None:
    """Give them seats, all at once."""
    lines = []
    for name, copilot, console in COLLEAGUES:
        team = copilot if product.slug == "copilot" else console
        if team:
            organization, node = places[team]
            lines.append(SeatLine(_address(name, domain), name, organization, node))
    seated = seat_people(product=product, lines=lines, actor=seeder)
    for found in seated.values():
        user = found.user
        if user.name in _LEFT:
            member: Any = product.member._default_manager.get(pk=found.member_id)
            archive_member(product=product, member=member, reason="Left Acme", actor=seeder)
        if user.name in _INVITED and found.is_new_login:
            invite_user(user=user, actor=seeder)
    joined = [
        found.user.pk
        for found in seated.values()
        if found.user.name not in (*_INVITED, *_NOT_INVITED)
    ]
    User.objects.filter(pk__in=joined).update(is_active=True)


def _address(name: str, domain: str) -> str:
    # Without the marks on letters.
    plain = normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    first, *rest = plain.split()
    return f"{first}.{''.join(rest)}@{domain}"
