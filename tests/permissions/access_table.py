"""The rows of who may use what: pages and REST."""

from tests.permissions.rows import (
    ABOVE_THE_TEAM,
    ADMINS,
    BRANCH_ADMINS,
    SIGNED_IN,
    Row,
    both,
    get,
    post,
    rest_rows,
)


def access_rest(slug: str) -> list[Row]:
    """Return the rows of who may use what."""
    at = f"/api/{slug}/v1"
    policy = f"{at}/llm-policies/<str:kind>/<uuid:node_id>"
    switch = f"{at}/features/<slug:feature>/<str:kind>/<uuid:node_id>"
    llm = f"{at}/llms/<uuid:llm_id>"
    return [
        *rest_rows("GET", SIGNED_IN if slug == "console" else ADMINS, f"{at}/llms"),
        *rest_rows("POST", ADMINS, f"{llm}/switch-on", f"{llm}/switch-off"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/llm-policies", policy, f"{at}/features", switch),
        # What a branch has is decided above it.
        *rest_rows("PUT", ABOVE_THE_TEAM, policy, switch),
        *rest_rows("DELETE", ABOVE_THE_TEAM, policy),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/llm-policies/bulk", f"{at}/features/bulk"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/grants", f"{at}/grants/resources"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/grants"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/grants/<uuid:grant_id>"),
        *rest_rows("DELETE", ABOVE_THE_TEAM, f"{at}/grants/<uuid:grant_id>"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/explain", f"{at}/explain/<uuid:refusal_id>"),
    ]


def access_pages(at: str) -> list[Row]:
    """Return the rows of the pages of a product."""
    thing = f"{at}/sharing/<slug:kind>/<uuid:thing_id>"
    return [
        *get(f"{at}/llm-access/", BRANCH_ADMINS),
        *post(f"{at}/llm-access/undo/", BRANCH_ADMINS),
        *both(f"{at}/llm-access/many/", BRANCH_ADMINS),
        # The team is Theo's, and what a branch has is decided above it.
        *both(f"{at}/llm-access/<str:kind>/<uuid:node_id>/", ABOVE_THE_TEAM),
        *both(f"{at}/llm-access/<str:kind>/<uuid:node_id>/<uuid:llm_id>/", ABOVE_THE_TEAM),
        *get(f"{at}/features/", BRANCH_ADMINS),
        *post(f"{at}/features/undo/", BRANCH_ADMINS),
        *both(f"{at}/features/many/", BRANCH_ADMINS),
        *both(f"{at}/features/<str:kind>/<uuid:node_id>/<slug:feature>/", ABOVE_THE_TEAM),
        *get(f"{at}/sharing/", BRANCH_ADMINS),
        *get(f"{thing}/", BRANCH_ADMINS),
        *post(f"{thing}/open/", BRANCH_ADMINS),
        *post(f"{thing}/undo/", BRANCH_ADMINS),
        *both(f"{thing}/<str:node_kind>/<uuid:node_id>/", ABOVE_THE_TEAM),
        *get(f"{at}/access/", BRANCH_ADMINS),
        *get(f"{at}/access/export.csv", BRANCH_ADMINS),
        *post(f"{at}/access/fix/", BRANCH_ADMINS),
        *get(f"{at}/access/refused/", BRANCH_ADMINS),
        *get(f"{at}/access/refused/<uuid:refusal_id>/", BRANCH_ADMINS),
    ]
