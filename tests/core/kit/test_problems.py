"""Expected failures."""

import pytest

from core.kit import problems
from core.kit.problems import Conflict, InvalidInput, NotFound, Problem


def test_a_problem_says_its_title_when_nothing_better_is_known() -> None:
    assert str(NotFound()) == NotFound().detail == "There is no such thing here"


def test_a_problem_carries_what_a_program_needs() -> None:
    problem = Conflict("Too late.", retry_after_seconds=3)

    assert problem.detail == "Too late."
    assert problem.extensions == {"retry_after_seconds": 3}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Unauthenticated", 401),
        ("NotAllowed", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("InvalidInput", 422),
    ],
)
def test_each_kind_has_its_status(kind: str, status: int) -> None:
    assert getattr(problems, kind).status == status


def test_a_code_means_one_thing_wherever_it_is_used() -> None:
    statuses: dict[str, set[int]] = {}
    for kind in _below(Problem):
        statuses.setdefault(kind.code, set()).add(kind.status)

    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}


def test_every_problem_has_a_code_of_its_own_in_its_package() -> None:
    # A class that names no code is a case of the problem above it.
    codes = [(kind.__module__, kind.code) for kind in _below(Problem) if "code" in vars(kind)]

    assert sorted(codes) == sorted(set(codes))
    assert InvalidInput in _below(Problem)


def _below(kind: type[Problem]) -> list[type[Problem]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *_below(sub))]
