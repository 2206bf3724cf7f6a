"""Who may use what, in an account as large as they come: the resolver and the snapshot.

    python bench/access.py [members]

2,000 teams, 50 LLMs, 500 agents; every team and one member in fifty has a policy, every agent ten
grants, every tenth team a switch. The targets: p99 of a check in a process that has the snapshot
under 50 microseconds, of one that reads all it needs from Postgres under 10 ms.
"""

import random
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from people import account_with

TEAMS, LLMS, AGENTS, GRANTS_OF_AN_AGENT = 2_000, 50, 500, 10
CACHED, COLD, SNAPSHOTS = 50_000, 1_000, 10


def main(members: int) -> None:
    """Measure and print."""
    account = account_with(members, TEAMS)

    from core.access.rules.product import ProductAccess
    from core.access.selectors import access_of
    from core.hierarchy.policies import acting_places, global_of, path_below
    from core.hierarchy.product import product_named
    from core.kit.clock import now
    from core.tenancy.context import in_account

    chance = random.Random(5)  # noqa: S311  the same account each time
    llms = [uuid4() for _ in range(LLMS)]
    with in_account(account):
        product = product_named("copilot")
        agents = _rules(product, llms, chance)
        everyone = global_of(product)
        rows = acting_places(product).select_related("member__user", "organization", "team")
        some = chance.sample(list(rows.values_list("pk", flat=True)), COLD)
        paths = [path_below(everyone, place) for place in rows.filter(pk__in=some)]
        taken = []
        for _ in range(SNAPSHOTS):
            began = time.perf_counter()
            access = access_of("copilot", offered=llms)
            taken.append(time.perf_counter() - began)
        print(f"rules of the whole account read: p50 {_ms(taken, 0.5)}, worst {_ms(taken, 1)}")
        moment = now()

        def cached(access: ProductAccess) -> list[tuple[str, Callable[[], Any]]]:
            path, llm = chance.choice(paths), chance.choice(llms)
            agent = ("agent", chance.choice(agents))
            return [
                ("is this LLM among those of the path", lambda: llm in access.llms(path)),
                ("has the path this feature", lambda: access.has("image_generation", path)),
                (
                    "is this agent granted to the path",
                    lambda: access.may_use(agent, path, at=moment),
                ),
            ]

        figures: dict[str, list[float]] = {}
        for _ in range(CACHED // 3):
            for name, check in cached(access):
                began = time.perf_counter()
                check()
                figures.setdefault(name, []).append(time.perf_counter() - began)
        for name, taken in figures.items():
            print(f"cached: {name}: p50 {_us(taken, 0.5)}, p99 {_us(taken, 0.99)}")
        taken = []
        for path in paths:
            began = time.perf_counter()
            of_path = access_of("copilot", offered=llms, nodes=[node.id for node in path])
            of_path.llms(path)
            taken.append(time.perf_counter() - began)
        print(f"cold, from Postgres: p50 {_ms(taken, 0.5)}, p99 {_ms(taken, 0.99)}")
        _print_effect(product, access, everyone, llms[0])


def _rules(product: Any, llms: list[UUID], chance: random.Random) -> list[UUID]:
    """Write policies, switches and grants straight into their tables; return the agents."""
    from core.access.models import FeatureSwitch, Grant, LlmActivation, NodeLlmPolicy

    teams = list(product.team.objects.values_list("pk", flat=True))
    members = list(product.member.objects.values_list("pk", flat=True))
    LlmActivation.objects.bulk_create(LlmActivation(product="copilot", llm_id=llm) for llm in llms)
    speaking = [*teams, *chance.sample(members, len(members) // 50)]
    NodeLlmPolicy.objects.bulk_create(
        (
            NodeLlmPolicy(
                product="copilot",
                node_id=node,
                only=chance.sample(llms, 20) if chance.random() < 0.3 else None,
                block=chance.sample(llms, 3),
            )
            for node in speaking
        ),
        batch_size=1000,
    )
    FeatureSwitch.objects.bulk_create(
        FeatureSwitch(
            product="copilot", node_id=team, feature="image_generation", is_on=place % 20 == 0
        )
        for place, team in enumerate(teams[::10])
    )
    agents = [uuid4() for _ in range(AGENTS)]
    Grant.objects.bulk_create(
        (
            Grant(
                product="copilot",
                resource_type="agent",
                resource_id=agent,
                node_kind="team",
                node_id=team,
                is_denial=chance.random() < 0.1,
                created_by="bench",
            )
            for agent in agents
            for team in chance.sample(teams, GRANTS_OF_AN_AGENT)
        ),
        batch_size=1000,
    )
    return agents


def _print_effect(product: Any, access: Any, everyone: Any, llm: UUID) -> None:
    from core.access.rules.llms import LlmPolicy
    from core.hierarchy.effects import effect_of_policies

    taken = []
    for _ in range(5):
        began = time.perf_counter()
        effect = effect_of_policies(product, access, {everyone: LlmPolicy(block=frozenset({llm}))})
        taken.append(time.perf_counter() - began)
    print(f"effect of a policy of `global` on {effect.places} places: p50 {_ms(taken, 0.5)}")


def _at(taken: list[float], share: float) -> float:
    return sorted(taken)[min(int(len(taken) * share), len(taken) - 1)]


def _ms(taken: list[float], share: float) -> str:
    return f"{_at(taken, share) * 1000:.1f} ms"


def _us(taken: list[float], share: float) -> str:
    return f"{_at(taken, share) * 1_000_000:.1f} µs"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
