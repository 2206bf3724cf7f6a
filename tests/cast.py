"""Who is who. Acme has an admin on each level and a member; Globex must never see any of it.

`tests/world.py` builds them, once a test process.
"""

from dataclasses import dataclass

from core.audit.services import Actor
from core.identity.models import User

PASSWORD = "correct horse battery staple"
TESTS = Actor.system("The tests")

# The same names in both products, and in both accounts.
ORGANIZATION = "Marketing"
TEAM = "Content"


@dataclass(frozen=True, slots=True)
class Person:
    """One of the cast, by name and e-mail address."""

    name: str
    email: str


SAM = Person("Sam Super", "sam@cockpit.example")

ADA = Person("Ada Admin", "ada@acme.example")
OLGA = Person("Olga Organizer", "olga@acme.example")
THEO = Person("Theo Teamlead", "theo@acme.example")
MIA = Person("Mia Member", "mia@acme.example")

EVE = Person("Eve Elsewhere", "eve@globex.example")
MAX = Person("Max Member", "max@globex.example")


def actor_of(user: User) -> Actor:
    """Return a user as the actor of a service."""
    return Actor("user", str(user.pk), str(user))
