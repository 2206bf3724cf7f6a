"""Who may ask what: one row for each route and method. A route without a row fails the tests.

Names of places in a path stand for one thing of the account that is asked; see
`tests/factories/things.py`.
"""

from dataclasses import replace

from tests.permissions.access_table import access_pages, access_rest
from tests.permissions.credits_table import credits_pages, rest_credits
from tests.permissions.rows import (
    ADMINS,
    ANYONE,
    BRANCH_ADMINS,
    EVERYBODY,
    KEY_HOLDERS,
    MEMBERS,
    NO_ONE,
    ORGANIZATION_ADMINS,
    SIGNED_IN,
    SUPER_ADMINS,
    Row,
    both,
    get,
    post,
    rest_rows,
)

# -- the same on every host ------------------------------------------------------------------------


def identity(anyone: frozenset[str], signed_in: frozenset[str]) -> list[Row]:
    """Return the rows of the login and of one's own profile."""
    return [
        *both("/login/", anyone),
        *get("/logout/", signed_in),
        # Where it leads is all that can be seen of it from here.
        *post("/logout/", NO_ONE, "login"),
        *both("/signup/", NO_ONE, "403", "403"),
        *get("/inactive/", anyone),
        *both("/password/reset/", anyone),
        *get("/password/reset/done/", anyone),
        *both("/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/", anyone),
        *get("/password/reset/key/done/", anyone),
        *both("/invitations/<str:token>/", anyone),
        *both("/password/change/", signed_in),
        *both("/password/set/", signed_in),
        *both("/password_change/", anyone),
        *both("/password_change/done/", anyone),
        *both("/confirm/", signed_in),
        *both("/profile/", signed_in),
        # Only a development installation has this page.
        *get("/mail/", NO_ONE, "404", "404"),
        # Nobody of the cast has a second factor yet.
        *get("/two-factor/", signed_in),
        *both("/two-factor/authenticate/", signed_in),
        *both("/two-factor/reauthenticate/", signed_in),
        *both("/two-factor/totp/activate/", signed_in),
        *both("/two-factor/totp/deactivate/", NO_ONE, "404"),
        *get("/two-factor/recovery-codes/", NO_ONE, "404"),
        *get("/two-factor/recovery-codes/download/", NO_ONE, "404"),
        *both("/two-factor/recovery-codes/generate/", signed_in),
        *get("/api/auth/v1/jwks.json", anyone),
        # Asks for the secret of a client, whoever is signed in.
        *post("/api/auth/v1/token", anyone),
        *get("/api/", NO_ONE, "404", "404"),
        *get("/api/docs/", signed_in),
        *get("/api/docs/<slug:name>/", signed_in),
        *get("/api/docs/<slug:name>.yaml", anyone),
        *get("/api/docs/<slug:name>.json", anyone),
        *get("/problems/", anyone),
        *get("/problems/<slug:code>", anyone),
        # Parts of Django's admin that come with a site.
        *get("/jsi18n/", signed_in),
        *get("/search/", signed_in),
        *get("/autocomplete/", NO_ONE),
        *get("/(?P<url>.*)", NO_ONE, "404"),
        *get("/r/<path:content_type_id>/<path:object_id>/", NO_ONE, "404"),
    ]


# -- an account's host -----------------------------------------------------------------------------


def rest(slug: str) -> list[Row]:
    """Return the rows of one product's REST API."""
    at = f"/api/{slug}/v1"
    organization = f"{at}/organizations/<uuid:organization_id>"
    team = f"{at}/teams/<uuid:team_id>"
    member = f"{at}/members/<uuid:member_id>"
    place = f"{member}/memberships/<uuid:membership_id>"
    invitation = f"{at}/invitations/<uuid:invitation_id>"
    # Theo does not administer the organization that his team is in.
    of_organization = {"unaware": BRANCH_ADMINS - ORGANIZATION_ADMINS}
    return [
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/audit", f"{at}/audit/<uuid:entry_id>"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/organizations", f"{at}/teams", f"{at}/members"),
        *rest_rows("GET", BRANCH_ADMINS, f"{at}/invitations", f"{member}/memberships"),
        *rest_rows("GET", BRANCH_ADMINS, team, member, invitation),
        *rest_rows("GET", ORGANIZATION_ADMINS, organization, **of_organization),
        *rest_rows("PATCH", ORGANIZATION_ADMINS, organization, **of_organization),
        *rest_rows("PATCH", BRANCH_ADMINS, team),
        # The name is the person's in both products.
        *rest_rows("PATCH", ADMINS, member),
        *rest_rows("POST", ADMINS, f"{at}/organizations"),
        *rest_rows("POST", ADMINS, f"{organization}/archive", f"{organization}/restore"),
        *rest_rows("POST", ORGANIZATION_ADMINS, f"{at}/teams", f"{team}/move"),
        *rest_rows("POST", ORGANIZATION_ADMINS, f"{team}/archive", f"{team}/restore"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/members", f"{at}/members/bulk"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/members/bulk/archive", f"{at}/members/bulk/place"),
        *rest_rows("POST", BRANCH_ADMINS, f"{member}/archive", f"{member}/restore"),
        *rest_rows("POST", BRANCH_ADMINS, f"{member}/memberships", f"{place}/primary"),
        *rest_rows("POST", BRANCH_ADMINS, f"{place}/move"),
        *rest_rows("POST", BRANCH_ADMINS, f"{at}/invitations"),
        *rest_rows("POST", BRANCH_ADMINS, f"{invitation}/resend", f"{invitation}/revoke"),
        *rest_rows("DELETE", BRANCH_ADMINS, place),
        *access_rest(slug),
    ]


def about_job(one: str) -> list[Row]:
    """Return the rows of an import that Ada has started."""
    rows = [
        *get(f"{one}/", ADMINS),
        *both(f"{one}/columns/", ADMINS),
        *post(f"{one}/start/", ADMINS),
        *post(f"{one}/drop/", ADMINS),
        *get(f"{one}/report.csv", ADMINS),
    ]
    return [replace(row, unaware=BRANCH_ADMINS - ADMINS) for row in rows]


def product(slug: str) -> list[Row]:
    """Return the rows of one product's pages."""
    at = f"/{slug}"
    rows = [
        *get(f"{at}/", BRANCH_ADMINS),
        *post(f"{at}/first-steps/", BRANCH_ADMINS),
        *get(f"{at}/me/", SIGNED_IN),
        *get(f"{at}/audit/", BRANCH_ADMINS),
        *get(f"{at}/audit/export.csv", BRANCH_ADMINS),
        *get(f"{at}/audit/export.jsonl", BRANCH_ADMINS),
        *get(f"{at}/audit/kinds/", BRANCH_ADMINS),
        *both(f"{at}/administrators/", BRANCH_ADMINS),
        *post(f"{at}/administrators/<uuid:assignment_id>/remove/", BRANCH_ADMINS),
        *get(f"{at}/usage/", BRANCH_ADMINS),
        *get(f"{at}/usage/calls/", BRANCH_ADMINS),
        *get(f"{at}/usage/calls/<uuid:call_id>/", BRANCH_ADMINS),
        *get(f"{at}/usage/export.csv", BRANCH_ADMINS),
        *both(f"{at}/clients/", ADMINS),
        *post(f"{at}/clients/<uuid:app_id>/act-for-members/", ADMINS),
        *both(f"{at}/clients/<uuid:app_id>/key/", ADMINS),
        *post(f"{at}/clients/<uuid:app_id>/rotate/", ADMINS),
        *post(f"{at}/clients/<uuid:app_id>/revoke/", ADMINS),
        *credits_pages(f"{at}/credits"),
        *both(f"{at}/guardrails/", ADMINS),
        *post(f"{at}/guardrails/<uuid:binding_id>/unbind/", ADMINS),
        *get(f"{at}/llms/", SIGNED_IN if slug == "console" else ADMINS),
        *both(f"{at}/llms/<uuid:llm_id>/switch/", ADMINS),
        *access_pages(at),
        *get(f"{at}/member/", BRANCH_ADMINS),
        *get(f"{at}/member/export.csv", BRANCH_ADMINS),
        *get(f"{at}/member/places/", BRANCH_ADMINS),
        *post(f"{at}/member/act/", BRANCH_ADMINS),
        *both(f"{at}/member/import/", BRANCH_ADMINS),
        *get(f"{at}/member/jobs/", BRANCH_ADMINS),
        # Ada's own; a branch admin sees only what they started themselves.
        *about_job(f"{at}/member/jobs/<uuid:job_id>"),
        *post(f"{at}/member/<uuid:member_id>/withdraw/", BRANCH_ADMINS),
        *both(f"{at}/member/<uuid:member_id>/places/<uuid:place_id>/move/", BRANCH_ADMINS),
        *both(f"{at}/member/add/", BRANCH_ADMINS),
        *get(f"{at}/member/<uuid:member_id>/change/", BRANCH_ADMINS),
        *both(f"{at}/member/<uuid:member_id>/archive/", BRANCH_ADMINS),
        *post(f"{at}/member/<uuid:member_id>/restore/", BRANCH_ADMINS),
        *post(f"{at}/member/<uuid:member_id>/invite/", BRANCH_ADMINS),
        *post(f"{at}/member/<uuid:member_id>/places/", BRANCH_ADMINS),
        *post(f"{at}/member/<uuid:member_id>/places/<uuid:place_id>/primary/", BRANCH_ADMINS),
        *post(f"{at}/member/<uuid:member_id>/places/<uuid:place_id>/remove/", BRANCH_ADMINS),
        # Ada has no seat.
        *post(f"/api{at}/v1/session-token", MEMBERS, "403", "401"),
        *rest(slug),
        *rest_credits(slug),
    ]
    for node, who, who_above in (
        ("organization", ORGANIZATION_ADMINS, ADMINS),
        ("team", BRANCH_ADMINS, ORGANIZATION_ADMINS),
    ):
        one = f"{at}/{node}/<uuid:node_id>"
        rows += [
            *get(f"{at}/{node}/", who),
            *get(f"{one}/change/", who),
            *both(f"{at}/{node}/add/", who_above),
            *both(f"{one}/archive/", who_above),
            *post(f"{one}/restore/", who_above),
        ]
        about_one = [
            *get(f"{one}/candidates/", who),
            *post(f"{one}/rename/", who),
            Row(f"{one}/members/", "POST", who, fields=(("member", "member_id"),)),
        ]
        if node == "team":
            rows += both(f"{one}/move/", who_above)
        # Theo does not administer the organization that his team is in.
        rows += [replace(row, unaware=BRANCH_ADMINS - who) for row in about_one]
    return rows


def rest_keys() -> list[Row]:
    """Return the rows of virtual keys over REST; the key is Mia's."""
    at = "/api/console/v1/keys"
    return [
        *rest_rows("GET", SIGNED_IN, at),
        *rest_rows("POST", SIGNED_IN, at),
        *(
            Row(f"{at}/<uuid:key_id>{rest}", method, KEY_HOLDERS, "404", "401")
            for method, rest in (
                ("GET", ""),
                ("PATCH", ""),
                ("POST", "/rotate"),
                ("POST", "/revoke"),
            )
        ),
    ]


def rest_own_llms(at: str) -> list[Row]:
    """Return the rows of own LLMs and their deployments over REST."""
    llm, place = f"{at}/own-llms/<uuid:own_llm_id>", f"{at}/deployments/<uuid:deployment_id>"
    return [
        *rest_rows("GET", ADMINS, f"{at}/own-llms", f"{at}/deployments", llm, place),
        *rest_rows("POST", ADMINS, f"{at}/own-llms", f"{at}/deployments", f"{llm}/prices"),
        *rest_rows("POST", ADMINS, f"{place}/credential", f"{place}/test"),
        *rest_rows("GET", ADMINS, f"{place}/health"),
        *rest_rows("PATCH", ADMINS, llm, place),
        *rest_rows("DELETE", ADMINS, llm, place),
    ]


def own_llms(at: str) -> list[Row]:
    """Return the rows of the pages about the account's own LLMs and where they run."""
    llm, place = f"{at}/llms/<uuid:own_llm_id>", f"{at}/<uuid:deployment_id>"
    return [
        *both(f"{at}/", ADMINS),
        *get(f"{at}/health/", ADMINS),
        *both(f"{llm}/", ADMINS),
        *post(f"{llm}/price/", ADMINS),
        *post(f"{llm}/archive/", ADMINS),
        *both(f"{llm}/add/", ADMINS),
        *both(f"{place}/", ADMINS),
        *post(f"{place}/credential/", ADMINS),
        *post(f"{place}/test/", ADMINS),
        *post(f"{place}/switch/", ADMINS),
        *post(f"{place}/archive/", ADMINS),
    ]


def rest_logs() -> list[Row]:
    """Return the rows of call logs over REST; the call is Mia's."""
    at = "/api/console/v1"
    one = f"{at}/logs/<uuid:call_id>"
    return [
        *rest_rows("GET", SIGNED_IN, f"{at}/logs", f"{at}/logs/tail", f"{at}/content-policy"),
        *rest_rows("PATCH", ADMINS, f"{at}/content-policy"),
        Row(one, "GET", KEY_HOLDERS, "404", "401"),
        Row(f"{one}/content", "POST", KEY_HOLDERS, "404", "401"),
    ]


ACCOUNT_ROWS = [
    *identity(ANYONE, SIGNED_IN),
    *get("/", SIGNED_IN),
    *get("/(?P<app_label>copilot|console)/", BRANCH_ADMINS),
    # Everybody's own: Mia's notification is hers alone.
    *get("/notifications/", SIGNED_IN),
    *get("/notifications/bell/", SIGNED_IN),
    *get("/notifications/latest/", SIGNED_IN),
    *post("/notifications/read/", SIGNED_IN),
    *post("/notifications/mail/", SIGNED_IN),
    *post("/notifications/<uuid:notification_id>/read/", frozenset({"mia"}), "404"),
    *post("/notifications/<uuid:notification_id>/open/", frozenset({"mia"}), "404"),
    *both("/admins/", ADMINS),
    *post("/admins/<uuid:assignment_id>/remove/", ADMINS),
    *product("copilot"),
    *product("console"),
    *both("/console/start/", SIGNED_IN),
    # Ada has no seat.
    *get("/console/start/call/", MEMBERS),
    *own_llms("/console/deployments"),
    *both("/console/keys/", SIGNED_IN),
    *get("/console/keys/places/", SIGNED_IN),
    # The key is Mia's.
    *both("/console/keys/<uuid:key_id>/", KEY_HOLDERS, "404"),
    *post("/console/keys/<uuid:key_id>/rotate/", KEY_HOLDERS, "404"),
    *post("/console/keys/<uuid:key_id>/end-overlap/", KEY_HOLDERS, "404"),
    *post("/console/keys/<uuid:key_id>/revoke/", KEY_HOLDERS, "404"),
    *rest_keys(),
    *rest_own_llms("/api/console/v1"),
    *get("/console/logs/", SIGNED_IN),
    *get("/console/logs/tail/", SIGNED_IN),
    *get("/console/logs/export.csv", SIGNED_IN),
    # The call is Mia's.
    *get("/console/logs/<uuid:call_id>/", KEY_HOLDERS, "404"),
    *post("/console/logs/<uuid:call_id>/content/", KEY_HOLDERS, "404"),
    *get("/console/costs/", SIGNED_IN),
    *get("/console/performance/", SIGNED_IN),
    *get("/console/costs/export.csv", SIGNED_IN),
    *both("/console/content/", ADMINS),
    *both("/console/playground/", SIGNED_IN),
    *rest_logs(),
]

# -- the public host -------------------------------------------------------------------------------


def listed(model: str) -> list[Row]:
    """Return the rows of a list of the platform; all else of the model is a page of its own."""
    at = f"/{model}"
    return [
        *get(f"{at}/", SUPER_ADMINS),
        *get(f"{at}/add/", SUPER_ADMINS),
        *get(f"{at}/<path:object_id>/change/", SUPER_ADMINS),
    ]


def account() -> list[Row]:
    """Return the rows of the pages about one account."""
    at = "/accounts/<slug:slug>"
    return [
        *get(f"{at}/", SUPER_ADMINS),
        *get(f"{at}/audit/", SUPER_ADMINS),
        *post(f"{at}/rename/", SUPER_ADMINS),
        *post(f"{at}/suspend/", SUPER_ADMINS),
        *post(f"{at}/restore/", SUPER_ADMINS),
        *post(f"{at}/archive/", SUPER_ADMINS),
        *get(f"{at}/admins/", SUPER_ADMINS),
        *post(f"{at}/admins/appoint/", SUPER_ADMINS),
        *post(f"{at}/admins/<uuid:user_id>/invite/", SUPER_ADMINS),
        *post(f"{at}/admins/<uuid:user_id>/remove/", SUPER_ADMINS),
        *get(f"{at}/credits/", SUPER_ADMINS),
        *post(f"{at}/credits/factor/", SUPER_ADMINS),
        *post(f"{at}/credits/time-zone/", SUPER_ADMINS),
        *post(f"{at}/credits/<slug:product>/terms/", SUPER_ADMINS),
        *post(f"{at}/credits/<slug:product>/terms/preview/", SUPER_ADMINS),
        *post(f"{at}/credits/<slug:product>/top-up/", SUPER_ADMINS),
        *post(f"{at}/credits/<slug:product>/take-back/", SUPER_ADMINS),
        *both(f"{at}/credits/<slug:product>/refund/", SUPER_ADMINS),
        *get(f"{at}/credits/<slug:product>/refund/preview/", SUPER_ADMINS),
        *get(f"{at}/features/", SUPER_ADMINS),
        *post(f"{at}/features/save/", SUPER_ADMINS),
        *get(f"{at}/llms/", SUPER_ADMINS),
        *post(f"{at}/llms/save/", SUPER_ADMINS),
        *both(f"{at}/own-llms/", SUPER_ADMINS),
    ]


def statement() -> list[Row]:
    """Return the rows of the pages about what accounts owe for overflow."""
    at = "/statements/<uuid:statement_id>"
    return [
        *get("/statements/export.csv", SUPER_ADMINS),
        *get(f"{at}/", SUPER_ADMINS),
        *post(f"{at}/invoice/", SUPER_ADMINS),
        *post(f"{at}/settle/", SUPER_ADMINS),
        *get(f"{at}/statement.csv", SUPER_ADMINS),
        *get(f"{at}/statement.pdf", SUPER_ADMINS),
    ]


def llm() -> list[Row]:
    """Return the rows of the pages about one LLM of the catalogue."""
    at = "/llms/<uuid:llm_id>"
    return [
        *get(f"{at}/", SUPER_ADMINS),
        *post(f"{at}/details/", SUPER_ADMINS),
        *post(f"{at}/deployment/", SUPER_ADMINS),
        *post(f"{at}/price/", SUPER_ADMINS),
        *post(f"{at}/credential/", SUPER_ADMINS),
        *post(f"{at}/credential/remove/", SUPER_ADMINS),
        *post(f"{at}/retire/", SUPER_ADMINS),
        *post(f"{at}/restore/", SUPER_ADMINS),
    ]


def platform_api() -> list[Row]:
    """Return the rows of the platform's REST API."""
    at = "/api/superadmin/v1"
    one, model = f"{at}/accounts/<slug:slug>", f"{at}/catalog/llms/<uuid:llm_id>"
    admin = f"{one}/admins/<uuid:user_id>"
    acts = [f"{one}/{act}" for act in ("suspend", "restore", "archive", "admins")]
    money = [
        f"{one}/{act}"
        for act in ("credit-terms", "credit-factor", "grants", "take-backs", "refunds")
    ]
    llm_acts = [f"{model}/{act}" for act in ("deployment", "credential", "retire", "restore")]
    lists = [f"{at}/accounts", f"{at}/catalog/llms", f"{at}/catalog/prices"]
    ceilings = [f"{one}/features", f"{one}/llms"]
    owed = f"{at}/overflow-statements"
    bill = f"{owed}/<uuid:statement_id>"
    return [
        *rest_rows("GET", SUPER_ADMINS, owed, bill, f"{bill}.csv", f"{bill}.pdf"),
        *rest_rows("POST", SUPER_ADMINS, f"{bill}/invoice", f"{bill}/settle"),
        *rest_rows("GET", SUPER_ADMINS, *lists, f"{at}/usage", f"{at}/audit"),
        *rest_rows("GET", SUPER_ADMINS, f"{at}/audit/<uuid:entry_id>", one, *ceilings, model),
        *rest_rows("GET", SUPER_ADMINS, f"{one}/admins", f"{one}/credit-terms"),
        *rest_rows("GET", SUPER_ADMINS, f"{one}/credit-cycles"),
        *rest_rows("POST", SUPER_ADMINS, *lists, *acts, *money, *llm_acts, f"{admin}/invite"),
        *rest_rows("PATCH", SUPER_ADMINS, one, *ceilings, model),
        *rest_rows("DELETE", SUPER_ADMINS, admin, f"{model}/credential"),
    ]


PUBLIC_ROWS = [
    *identity(EVERYBODY, SUPER_ADMINS),
    *platform_api(),
    *get("/", SUPER_ADMINS),
    *get("/audit/", SUPER_ADMINS),
    *get("/audit/export.csv", SUPER_ADMINS),
    *get("/audit/export.jsonl", SUPER_ADMINS),
    *get("/audit/kinds/", SUPER_ADMINS),
    *both("/accounts/new/", SUPER_ADMINS),
    *post("/accounts/new/review/", SUPER_ADMINS),
    *get("/accounts/new/slug/", SUPER_ADMINS),
    *account(),
    *statement(),
    *both("/llms/new/", SUPER_ADMINS),
    *llm(),
    *both("/super-admins/new/", SUPER_ADMINS),
    *get("/super-admins/<uuid:user_id>/", SUPER_ADMINS),
    *post("/super-admins/<uuid:user_id>/deactivate/", SUPER_ADMINS),
    *post("/super-admins/<uuid:user_id>/reactivate/", SUPER_ADMINS),
    *post("/super-admins/<uuid:user_id>/invite/", SUPER_ADMINS),
    *get("/(?P<app_label>tenants|identity)/", SUPER_ADMINS),
    *listed("tenants/account"),
    *listed("tenants/llm"),
    *listed("tenants/statementsummary"),
    *listed("identity/user"),
]
