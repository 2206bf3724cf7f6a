"""What an import would do to each line of a file. Pure: no tables, no clock.

A line is one person in one place. Several lines of one address put that person into several
places; the same place twice is a mistake.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.people.models import RowOutcome

_YES = {"yes", "y", "true", "1", "x", "ja", "oui", "primary"}
_NO = {"", "no", "n", "false", "0", "-", "nein", "non"}
_LONGEST_NAME, _LONGEST_NODE, _LONGEST_ADDRESS = 150, 120, 254

# A place as names in lower case: organization and team; both empty is `global` alone.
PlaceName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody with a login, by their seat and the places they have."""

    name: str
    has_seat: bool = False
    is_archived: bool = False
    places: frozenset[PlaceName] = frozenset()
    primary: PlaceName = ("", "")


@dataclass(slots=True)
class Known:
    """What there is: people by address, nodes by lower-case name, as far as the importer may see.

    The maps lead to the names as they are written; teams by organization. `parents` are
    organizations that stand above known teams, but may not be open to the importer themselves.
    """

    people: dict[str, KnownPerson] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    teams: dict[PlaceName, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """What an import may do beyond giving seats and places."""

    creates_organizations: bool = False
    creates_teams: bool = False
    renames: bool = True
    # A place becomes primary by being the first, or by wish where that is allowed.
    sets_primary: bool = True
    # Somebody who administers a branch puts people into it, and nowhere else.
    needs_place: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """What one line would do. `place` is in names as written; empty names mean none."""

    number: int
    outcome: str
    note: str
    email: str
    name: str = ""
    organization: str = ""
    team: str = ""
    makes_primary: bool = False
    is_new_login: bool = False
    is_new_seat: bool = False
    is_new_place: bool = False
    renames: bool = False

    @property
    def place(self) -> PlaceName:
        """The place in lower case."""
        return (self.organization.lower(), self.team.lower())


class _Mistake(Exception):
    """Why a line cannot be imported, as a sentence."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """One line, read: its place is known or may be made."""

    number: int
    email: str
    name: str
    organization: str
    team: str
    wants_primary: bool

    @property
    def place(self) -> PlaceName:
        return (self.organization.lower(), self.team.lower())


class Planner:
    """Plans lines one after the other, each knowing those before it."""

    def __init__(self, known: Known, rules: Rules) -> None:
        self._known, self._rules = known, rules
        # Addresses and places of earlier lines, and names, with the line they stand in.
        self._seen: dict[tuple[str, PlaceName], int] = {}
        self._names: dict[str, tuple[str, int]] = {}

    def plan(self, number: int, cells: Mapping[str, str]) -> Planned:
        """Return what a line does, given all lines before it."""
        try:
            return self._plan(number, cells)
        except _Mistake as mistake:
            return Planned(
                number,
                RowOutcome.ERROR,
                str(mistake),
                cells.get("email", "")[:_LONGEST_ADDRESS],
                cells.get("name", "")[:_LONGEST_NAME],
                cells.get("organization", "")[:_LONGEST_NODE],
                cells.get("team", "")[:_LONGEST_NODE],
            )

    def _plan(self, number: int, cells: Mapping[str, str]) -> Planned:
        email, name = _address(cells.get("email", "")), _name(cells.get("name", ""))
        wish = _Wish(
            number,
            email,
            name,
            *self._place(_node(cells.get("organization", "")), _node(cells.get("team", ""))),
            wants_primary=_flag(cells.get("primary", "")),
        )
        place = wish.place
        if self._rules.needs_place and place == ("", ""):
            raise _Mistake("Name a team or an organization that you administer.")
        self._refuse_twice(wish)
        person = self._known.people.get(email)
        if person is not None and person.is_archived:
            raise _Mistake("Their seat was taken away. Restore it first, then import again.")
        planned = self._change(wish, person)
        self._remember(planned, person)
        return planned

    def _refuse_twice(self, wish: "_Wish") -> None:
        first = self._seen.setdefault((wish.email, wish.place), wish.number)
        if first != wish.number:
            raise _Mistake(f"The same person and place stand in line {first} already.")
        if wish.name:
            name, line = self._names.setdefault(wish.email, (wish.name, wish.number))
            if name != wish.name:
                raise _Mistake(f"Line {line} calls this person {name}.")

    def _change(self, wish: "_Wish", person: KnownPerson | None) -> Planned:
        place, name = wish.place, wish.name
        is_new_seat = person is None or not person.has_seat
        places = person.places if person else frozenset()
        is_new_place = place != ("", "") and place not in places
        is_first = is_new_place and not any(each != ("", "") for each in places)
        primary = person.primary if person else ("", "")
        is_wished = wish.wants_primary and self._rules.sets_primary and primary != place
        makes_primary = place != ("", "") and (is_first or is_wished)
        renames = bool(
            person and person.has_seat and self._rules.renames and name and name != person.name
        )
        says = _sentence(
            wish,
            is_new_seat=is_new_seat,
            is_new_login=person is None,
            is_new_place=is_new_place,
            makes_primary=makes_primary and not is_first,
            renames=(person.name or wish.email, name) if renames and person else None,
        )
        if is_new_seat:
            outcome = RowOutcome.NEW
        else:
            outcome = RowOutcome.CHANGED if says else RowOutcome.UNCHANGED
        return Planned(
            wish.number,
            outcome,
            says or "Is there already.",
            wish.email,
            name,
            wish.organization,
            wish.team,
            makes_primary=makes_primary,
            is_new_login=person is None,
            is_new_seat=is_new_seat,
            is_new_place=is_new_place,
            renames=renames,
        )

    def _remember(self, planned: Planned, person: KnownPerson | None) -> None:
        """Let later lines of this person, and of these nodes, find what this one makes."""
        places = set(person.places) if person else set()
        primary = person.primary if person else ("", "")
        if planned.is_new_place:
            places.add(planned.place)
        self._known.people[planned.email] = KnownPerson(
            name=planned.name if planned.renames or person is None else person.name,
            has_seat=True,
            places=frozenset(places),
            primary=planned.place if planned.makes_primary else primary,
        )
        if planned.organization and planned.organization.lower() not in self._known.parents:
            self._known.organizations.setdefault(planned.organization.lower(), planned.organization)
        if planned.team:
            self._known.teams.setdefault(planned.place, planned.team)

    def _place(self, organization: str, team: str) -> tuple[str, str]:
        if organization.lower() == "global":
            if team:
                raise _Mistake("global has no teams.")
            return ("", "")
        if not organization:
            return self._team_alone(team) if team else ("", "")
        there = self._known.teams.get((organization.lower(), team.lower())) if team else None
        if there is not None:
            return (self._name_of(organization), there)
        known = self._known.organizations.get(organization.lower())
        if known is None and not self._rules.creates_organizations:
            raise _Mistake(f"There is no organization called {organization}.")
        if team and not self._rules.creates_teams:
            raise _Mistake(f"There is no team called {team} in {known or organization}.")
        return (known or organization, team)

    def _name_of(self, organization: str) -> str:
        name = organization.lower()
        return self._known.organizations.get(name) or self._known.parents[name]

    def _team_alone(self, team: str) -> tuple[str, str]:
        found = [place for place in self._known.teams if place[1] == team.lower()]
        if not found:
            raise _Mistake(f"There is no team called {team}. Name its organization to create it.")
        if len(found) > 1:
            raise _Mistake(f"Several teams are called {team}. Name the organization.")
        return (self._name_of(found[0][0]), self._known.teams[found[0]])


def names_in(lines: Iterable[Mapping[str, str]]) -> tuple[set[str], set[str], set[str]]:
    """Return the addresses, organizations and teams that lines name, in lower case."""
    emails, organizations, teams = set(), set(), set()
    for cells in lines:
        emails.add(cells.get("email", "").lower())
        organizations.add(cells.get("organization", "").lower())
        teams.add(cells.get("team", "").lower())
    return emails - {""}, organizations - {""}, teams - {""}


def counts_of(planned: Sequence[Planned]) -> dict[str, int]:
    """Return how many lines have each outcome."""
    counts: dict[str, int] = {}
    for line in planned:
        counts[str(line.outcome)] = counts.get(str(line.outcome), 0) + 1
    return counts


def _address(text: str) -> str:
    if not text:
        raise _Mistake("There is no e-mail address.")
    try:
        validate_email(text[: _LONGEST_ADDRESS + 1])
    except ValidationError:
        raise _Mistake(f"“{text[:80]}” is not an e-mail address.") from None
    if len(text) > _LONGEST_ADDRESS:
        raise _Mistake(f"The e-mail address is longer than {_LONGEST_ADDRESS} letters.")
    return text


def _node(text: str) -> str:
    if len(text) > _LONGEST_NODE or not text.isprintable():
        raise _Mistake(f"{text[:40]}… is too long for a name: {_LONGEST_NODE} letters at most.")
    return text


def _name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise _Mistake(f"The name is longer than {_LONGEST_NAME} letters.")
    return text


def _flag(text: str) -> bool:
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise _Mistake(f"“{text[:20]}” says neither yes nor no; write yes for the primary place.")


def _sentence(
    wish: _Wish,
    *,
    is_new_login: bool,
    is_new_seat: bool,
    is_new_place: bool,
    makes_primary: bool,
    renames: tuple[str, str] | None,
) -> str:
    place = f"{wish.team} in {wish.organization}" if wish.team else wish.organization
    says = []
    if is_new_seat:
        says.append("Gets a login and a seat" if is_new_login else "Gets a seat")
    if is_new_place:
        says.append(f"joins {place}" if says else f"Joins {place}")
    if makes_primary:
        says.append(f"{place} becomes the primary place")
    if renames:
        says.append(f"is called {renames[1]} instead of {renames[0]}")
    return ", ".join(says) + "." if says else ""
