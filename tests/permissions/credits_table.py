"""The rows of a product's credits: pages and REST."""

from dataclasses import replace

from tests.permissions.rows import (
    ABOVE_THE_TEAM,
    ADMINS,
    BRANCH_ADMINS,
    Row,
    both,
    get,
    post,
    rest_rows,
)


def rest_credits(slug: str) -> list[Row]:
    """Return the rows of one product's credits over REST."""
    at = f"/api/{slug}/v1/credits"
    wallet = "<uuid:wallet_id>"
    of_the_team = {"unaware": BRANCH_ADMINS - ABOVE_THE_TEAM}
    return [
        *rest_rows("GET", ADMINS, f"{at}/plan", f"{at}/statements", f"{at}/pool", f"{at}/forecast"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/cycles", f"{at}/wallets", f"{at}/wallets/{wallet}"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/effective", f"{at}/transfers"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/allocations", f"{at}/caps"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/effective/memberships", f"{at}/acts"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/wallets/{wallet}/statement"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/wallets/{wallet}/statement.csv"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/allocations.csv"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/allocation-files", f"{at}/overrides"),
        *rest_rows("POST", ABOVE_THE_TEAM, f"{at}/overrides/{wallet}/end", **of_the_team),
        *rest_rows("GET", ADMINS, f"{at}/alerts"),
        *rest_rows("PATCH", ADMINS, f"{at}/spill", f"{at}/alerts"),
        *rest_rows("POST", ADMINS, f"{at}/pool"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/allocations", f"{at}/top-ups", f"{at}/reclaims"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/moves", f"{at}/splits", f"{at}/caps"),
        # What the team has is set above it.
        *rest_rows("POST", ABOVE_THE_TEAM, f"{at}/allocations/{wallet}/end", **of_the_team),
        # An act inside the team.
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/acts/<uuid:act_id>/undo"),
        *rest_rows("DELETE", ABOVE_THE_TEAM, f"{at}/caps/<uuid:cap_id>"),
    ]


def credits_pages(at: str) -> list[Row]:
    """Return the rows of the credits pages."""
    wallet = f"{at}/<uuid:wallet_id>"
    for_the_whole = [*post(f"{at}/spill/", ADMINS), *post(f"{at}/alerts/", ADMINS)]
    # The wallet is Theo's team's: what it has is set above it.
    from_above = [
        *both(f"{wallet}/", ABOVE_THE_TEAM),
        *post(f"{wallet}/amount/", ABOVE_THE_TEAM),
        *post(f"{wallet}/pass-on/", ABOVE_THE_TEAM),
        *post(f"{wallet}/caps/", ABOVE_THE_TEAM),
        *post(f"{wallet}/caps/<uuid:cap_id>/remove/", ABOVE_THE_TEAM),
        *both(f"{wallet}/override/", ABOVE_THE_TEAM),
    ]
    return [
        *get(f"{at}/", BRANCH_ADMINS),
        *get(f"{at}/allocations.csv", BRANCH_ADMINS),
        *both(f"{at}/import/", BRANCH_ADMINS),
        *get(f"{at}/split/", BRANCH_ADMINS),
        *both(f"{wallet}/split/", BRANCH_ADMINS),
        *get(f"{at}/branch/<uuid:wallet_id>/", BRANCH_ADMINS),
        *get(f"{wallet}/statement.csv", BRANCH_ADMINS),
        *for_the_whole,
        *(replace(row, unaware=BRANCH_ADMINS - ABOVE_THE_TEAM) for row in from_above),
        # An act inside the team.
        *post(f"{at}/acts/<uuid:act_id>/undo/", BRANCH_ADMINS),
    ]
