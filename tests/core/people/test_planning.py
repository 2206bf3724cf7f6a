"""What each line of a file would do, with every kind of mistake."""

from typing import Any

import pytest

from core.people.planning import Known, KnownPerson, Planned, Planner, Rules

ALL = Rules(creates_organizations=True, creates_teams=True)
NONE = Rules()


def known() -> Known:
    return Known(
        people={
            "mia@acme.example": KnownPerson(
                "Mia Member",
                has_seat=True,
                places=frozenset({("marketing", "content")}),
                primary=("marketing", "content"),
            ),
            "ada@acme.example": KnownPerson("Ada Admin"),
            "old@acme.example": KnownPerson("Old", has_seat=True, is_archived=True),
        },
        organizations={"marketing": "Marketing", "sales": "Sales"},
        teams={
            ("marketing", "content"): "Content",
            ("marketing", "design"): "Design",
            ("sales", "design"): "Design",
        },
    )


def plan(*lines: dict[str, str], rules: Rules = NONE, what: Known | None = None) -> list[Planned]:
    planner = Planner(what or known(), rules)
    return [planner.plan(number, line) for number, line in enumerate(lines, 2)]


def one(rules: Rules = NONE, **cells: str) -> Planned:
    return plan(cells, rules=rules)[0]


def test_somebody_new_gets_a_login_a_seat_and_a_place() -> None:
    line = one(email="new@acme.example", name="New", organization="marketing", team="CONTENT")

    assert (line.outcome, line.organization, line.team) == ("new", "Marketing", "Content")
    assert line.note == "Gets a login and a seat, joins Content in Marketing."
    assert (line.is_new_login, line.is_new_seat, line.makes_primary) == (True, True, True)


def test_who_has_a_login_gets_a_seat_alone() -> None:
    line = one(email="ada@acme.example")

    assert (line.outcome, line.note) == ("new", "Gets a seat.")


def test_another_place_is_a_change_and_the_same_none() -> None:
    place, same = plan(
        {"email": "mia@acme.example", "organization": "Sales"},
        {"email": "mia@acme.example", "organization": "Marketing", "team": "Content"},
    )

    assert (place.outcome, place.note) == ("changed", "Joins Sales.")
    assert (same.outcome, same.note) == ("unchanged", "Is there already.")


def test_a_name_and_the_primary_place_change() -> None:
    line = one(email="mia@acme.example", name="Mia Married", organization="Sales", primary="yes")

    assert line.note == (
        "Joins Sales, Sales becomes the primary place, is called Mia Married instead of Mia Member."
    )


def test_an_empty_name_takes_none_away() -> None:
    line = one(email="mia@acme.example", organization="Marketing", team="Content")

    assert not line.renames


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"email": ""}, "There is no e-mail address."),
        ({"email": "ada at acme"}, "“ada at acme” is not an e-mail address."),
        ({"email": "a@acme.example, b@acme.example"}, "” is not an e-mail address."),
        ({"email": f"{'a' * 250}@acme.example"}, "e-mail address"),
        ({"name": "x" * 151}, "The name is longer than 150 letters."),
        ({"organization": "y" * 121}, "is too long for a name"),
        ({"organization": "Legal"}, "There is no organization called Legal."),
        ({"organization": "Sales", "team": "Ops"}, "There is no team called Ops in Sales."),
        ({"organization": "global", "team": "Ops"}, "global has no teams."),
        ({"team": "Ops"}, "There is no team called Ops. Name its organization to create it."),
        ({"team": "Design"}, "Several teams are called Design. Name the organization."),
        ({"email": "old@acme.example"}, "Their seat was taken away. Restore it first"),
        ({"primary": "maybe"}, "says neither yes nor no"),
    ],
)
def test_each_mistake_has_its_sentence(cells: dict[str, str], says: str) -> None:
    line = plan({"email": "new@acme.example", **cells})[0]

    assert line.outcome == "error"
    assert says in line.note


def test_the_same_person_in_the_same_place_twice_is_a_mistake() -> None:
    first, second = plan(
        {"email": "new@acme.example", "team": "Content"},
        {"email": "new@acme.example", "organization": "Marketing", "team": "content"},
    )

    assert first.outcome == "new"
    assert second.note == "The same person and place stand in line 2 already."


def test_a_person_with_two_names_is_a_mistake() -> None:
    _first, second = plan(
        {"email": "new@acme.example", "name": "Ann"},
        {"email": "new@acme.example", "name": "Anne", "team": "Content"},
    )

    assert second.note == "Line 2 calls this person Ann."


def test_one_person_in_two_lines_gets_one_seat_and_two_places() -> None:
    first, second = plan(
        {"email": "new@acme.example", "organization": "Sales"},
        {"email": "new@acme.example", "team": "Content"},
    )

    assert (first.outcome, second.outcome) == ("new", "changed")
    assert (first.makes_primary, second.makes_primary) == (True, False)


def test_missing_places_are_made_where_that_is_wanted() -> None:
    first, second = plan(
        {"email": "a@acme.example", "organization": "Legal", "team": "Contracts"},
        {"email": "b@acme.example", "organization": "LEGAL", "team": "contracts"},
        rules=ALL,
    )

    assert (first.organization, first.team) == ("Legal", "Contracts")
    assert (second.organization, second.team) == ("Legal", "Contracts")


def test_a_team_of_an_organization_that_is_not_theirs_opens_only_itself() -> None:
    theirs = Known(parents={"marketing": "Marketing"}, teams={("marketing", "content"): "Content"})
    rules = Rules(creates_teams=True, needs_place=True, renames=False)
    lines: list[Any] = [
        {"email": "a@acme.example", "organization": "Marketing", "team": "Content"},
        {"email": "b@acme.example", "organization": "Marketing"},
        {"email": "c@acme.example", "organization": "Marketing", "team": "Fresh"},
        {"email": "d@acme.example"},
    ]

    assert [line.outcome for line in plan(*lines, rules=rules, what=theirs)] == [
        "new",
        "error",
        "error",
        "error",
    ]
