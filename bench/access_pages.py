"""The access pages of a large account: the matrices, what a click shows, and effective access.

    python bench/access_pages.py [members] [teams]

50 LLMs, every team and one member in fifty with a policy. For each page: the processor time of
Python and of Postgres (medians of seven, after one that warms up), which other work on the machine
hardly changes, the least wall time, the queries and the size. The target: no page over 200 ms.
"""

import random
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from access import _rules
from people import account_with

PRODUCT, LLMS, TERM, FEATURE = "copilot", 50, "team 19", "image_generation"


def main(members: int, teams: int) -> None:
    """Build, measure and print."""
    account = account_with(members, teams, organizations=20)

    from core.audit.services import Actor
    from core.identity.models import User
    from core.tenancy.context import in_account, in_public
    from tenants.models import Llm
    from tenants.services.llms import create_llm
    from tenants.services.offers import offer_llms

    me = Actor.system("bench")
    with in_public():
        llms: list[Llm] = [
            create_llm(
                name=f"llm-{number}-{account.slug}",
                title=f"LLM {number}",
                vendor="Vendor",
                provider="openai",
                upstream_model="x",
                prices={"input_usd": Decimal(1)},
                actor=me,
            )
            for number in range(LLMS)
        ]
        offer_llms(account=account, product=PRODUCT, llms=llms, actor=me)
    with in_account(account):
        _rules(_product(), [llm.pk for llm in llms], random.Random(5))  # noqa: S311  no secret
        User.objects.filter(email__startswith="admin@").update(is_active=True)
        nodes = _nodes()
    _measure(account, nodes, llms[0].pk)


def _product() -> Any:
    from core.hierarchy.product import product_named

    return product_named(PRODUCT)


def _nodes() -> dict[str, Any]:
    product = _product()
    team = product.team._default_manager.order_by("name").first()
    place = product.membership._default_manager.filter(team=team).first()
    return {"organization": team.organization_id, "team": team.pk, "member": place.member_id}


def _measure(account: Any, nodes: dict[str, Any], llm: Any) -> None:
    from people_pages import admin_client, print_pages

    at, top = f"/{PRODUCT}", nodes["organization"]
    pages = {
        "LLM access": f"{at}/llm-access/",
        "an organization open": f"{at}/llm-access/?open={top}",
        "a team open": f"{at}/llm-access/?open={nodes['team']}",
        "teams, page 20": f"{at}/llm-access/?kind=team&page=20",
        "search": f"{at}/llm-access/?q={TERM.replace(' ', '+')}",
        "before a click on a team's mark": f"{at}/llm-access/team/{nodes['team']}/{llm}/",
        "before one of an organization's": f"{at}/llm-access/organization/{top}/{llm}/",
        "all that match, one LLM": f"{at}/llm-access/many/?all=1&kind=team&thing={llm}",
        "all that match, one feature": f"{at}/features/many/?all=1&kind=team&thing={FEATURE}",
        "features": f"{at}/features/",
        "features, an organization open": f"{at}/features/?open={top}",
        "LLM marketplace": f"{at}/llms/",
        "before switching an LLM": f"{at}/llms/{llm}/switch/",
        "sharing": f"{at}/sharing/",
        "effective access of a member": f"{at}/access/?member={nodes['member']}",
        "one decision": f"{at}/access/?member={nodes['member']}&about=llm:{llm}",
    }
    print_pages(admin_client(account), pages)


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*[*numbers, *(20_000, 2_000)[len(numbers) :]])
