"""What the tables of permissions are made of: a row, who is who, and short ways to write rows."""

from dataclasses import dataclass

# On an account's host.
ANYONE = frozenset({"nobody", "mia", "theo", "olga", "ada"})
SIGNED_IN = ANYONE - {"nobody"}
MEMBERS = SIGNED_IN - {"ada"}
ADMINS = frozenset({"ada"})
# Olga administers the organization that the things are in, Theo the team.
ORGANIZATION_ADMINS = ADMINS | {"olga"}
BRANCH_ADMINS = ORGANIZATION_ADMINS | {"theo"}
KEY_HOLDERS = BRANCH_ADMINS | {"mia"}
# Who decides what the team may use: those above it.
ABOVE_THE_TEAM = ORGANIZATION_ADMINS
# On the public host.
EVERYBODY = frozenset({"nobody", "sam"})
SUPER_ADMINS = frozenset({"sam"})
NO_ONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """Who may send a method to a route. All others are sent to log in or refused."""

    path: str
    method: str
    who: frozenset[str]
    # What those get who are signed in and may not: a status, or `login` for the login page.
    refusal: str = "403"
    # What nobody in particular gets.
    to_nobody: str = "login"
    # What a form must name for the row to be about permission: field and thing.
    fields: tuple[tuple[str, str], ...] = ()
    # Who might do it with things of their own, and is not to know of this one.
    unaware: frozenset[str] = frozenset()


def get(
    path: str, who: frozenset[str], refusal: str = "403", to_nobody: str = "login"
) -> list[Row]:
    """Return the row of a page that is only looked at."""
    return [Row(path, "GET", who, refusal, to_nobody)]


def post(
    path: str, who: frozenset[str], refusal: str = "403", to_nobody: str = "login"
) -> list[Row]:
    """Return the row of a change."""
    return [Row(path, "POST", who, refusal, to_nobody)]


def both(
    path: str, who: frozenset[str], refusal: str = "403", to_nobody: str = "login"
) -> list[Row]:
    """Return the rows of a page with a form."""
    return [*get(path, who, refusal, to_nobody), *post(path, who, refusal, to_nobody)]


def rest_rows(
    method: str, who: frozenset[str], *paths: str, unaware: frozenset[str] = NO_ONE
) -> list[Row]:
    """Return the rows of REST routes."""
    return [Row(path, method, who, "403", "401", unaware=unaware) for path in paths]
