"""What a branch may give of a thing: no more than it has by the grants on its own path."""

import pytest

from core.access.resources import Resource
from core.access.rules.grants import Grant
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.scopes import EVERYTHING, Scope
from core.hierarchy.policies import PolicyRow
from core.hierarchy.sharing import check_grant_within
from core.kit.ids import uuid7
from core.kit.problems import NotAllowed

EVERYONE, BRANCH, TEAM = (
    PathNode(kind, uuid7(), kind) for kind in ("global", "organization", "team")
)
ROW = PolicyRow(TEAM, (EVERYONE, BRANCH, TEAM), can_edit=True)
OLGAS = Scope(organizations=frozenset({BRANCH.id}))
AGENT = Resource("agent", uuid7(), "Scout")


def access(grant: Grant) -> ProductAccess:
    """Return access in which the branch as a whole says one thing of the agent."""
    return ProductAccess("copilot", grants={AGENT.thing: {BRANCH.id: grant}})


@pytest.mark.parametrize("carries", [False, True])
def test_a_branch_passes_an_agents_llm_on_only_if_it_got_it(carries: bool) -> None:
    given = access(Grant(carries_llm=carries))

    check_grant_within(given, ROW, OLGAS, AGENT, Grant())
    check_grant_within(given, ROW, EVERYTHING, AGENT, Grant(carries_llm=True))
    if carries:
        check_grant_within(given, ROW, OLGAS, AGENT, Grant(carries_llm=True))
        return
    with pytest.raises(NotAllowed, match="the LLM of Scout"):
        check_grant_within(given, ROW, OLGAS, AGENT, Grant(carries_llm=True))
