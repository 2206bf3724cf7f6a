"""A crowd for pictures and benchmarks: members in teams, written straight into an account."""

from typing import Any


def fill(account: Any, product_slug: str, members: int, teams: int) -> None:
    """Write the rows that the services would write, by SQL; Django must be set up."""
    from django.db import connection

    from core.audit.services import Actor
    from core.hierarchy.product import product_named
    from core.hierarchy.services import nodes
    from core.tenancy.context import in_account

    product = product_named(product_slug)
    with in_account(account), connection.cursor() as cursor:
        for number in range(20):
            nodes.create_organization(
                product=product, name=f"Division {number:02}", actor=Actor.system("bench")
            )
        for statement in _ROWS.format(p=product_slug).split(";"):
            if statement.strip():
                cursor.execute(statement, {"members": members, "teams": teams})
        cursor.execute("ANALYZE")


# A team for every twentieth organization, a member for every team in turn. Names repeat, as
# they do in a company of that size.
_ROWS = """
CREATE TEMP TABLE t AS
    SELECT s.n, gen_random_uuid() AS id, gen_random_uuid() AS wallet, o.id AS organization,
        o.wallet_id AS parent
    FROM generate_series(0, %(teams)s - 1) s (n)
    JOIN (SELECT id, wallet_id, row_number() OVER (ORDER BY name) - 1 AS n
        FROM {p}_organization WHERE NOT is_global) o ON o.n = s.n %% 20;
CREATE TEMP TABLE m AS
    SELECT s.n, gen_random_uuid() AS id, gen_random_uuid() AS member, gen_random_uuid() AS place,
        gen_random_uuid() AS home, gen_random_uuid() AS wallet, gen_random_uuid() AS home_wallet,
        t.id AS team, t.organization, t.wallet AS parent
    FROM generate_series(0, %(members)s - 1) s (n) JOIN t ON t.n = s.n %% %(teams)s;
INSERT INTO credits_wallet (id, book_id, kind, parent_id, depth)
    SELECT t.wallet, b.id, 'team', t.parent, 2 FROM t, credits_book b WHERE b.product = '{p}';
INSERT INTO {p}_team (id, name, organization_id, wallet_id, created_at)
    SELECT id, 'Team ' || lpad(n::text, 4, '0'), organization, wallet, now() FROM t;
INSERT INTO identity_user (id, email, name, password, is_active, is_superuser, created_at)
    SELECT id, 'person' || n || '@people.example',
        (ARRAY['Ada','Bela','Carl','Dana','Emil','Fay','Gus','Hana','Ivo','Jo'])[1 + n %% 10]
            || ' ' || chr((65 + (n / 120) %% 26)::int) || '. '
            || (ARRAY['Meyer','Novak','Okafor','Petrov','Quist','Rossi','Silva','Tanaka',
                'Ueda','Vogel','Weber','Young'])[1 + (n / 10) %% 12],
        '!', n %% 7 > 0, false, now() - n %% 700 * interval '1 day'
    FROM m;
INSERT INTO identity_roleassignment (id, user_id, role, product, created_at)
    SELECT gen_random_uuid(), id, 'member', '{p}', now() FROM m;
INSERT INTO {p}_member (id, user_id, created_at)
    SELECT member, id, now() - n %% 700 * interval '1 day' FROM m;
INSERT INTO credits_wallet (id, book_id, kind, parent_id, depth)
    SELECT m.wallet, b.id, 'membership', m.parent, 3 FROM m, credits_book b
    WHERE b.product = '{p}';
INSERT INTO credits_wallet (id, book_id, kind, parent_id, depth)
    SELECT m.home_wallet, b.id, 'membership', NULL, 3 FROM m, credits_book b
    WHERE b.product = '{p}';
INSERT INTO credits_balance
    (wallet_id, cycle_id, credited, used, reserved, overrun, credit_limit)
    SELECT w.id, c.id, 0, 0, 0, 0, 0 FROM credits_wallet w
    JOIN credits_cycle c ON c.book_id = w.book_id AND c.state = 'open'
    WHERE NOT EXISTS (SELECT FROM credits_balance b WHERE b.wallet_id = w.id);
INSERT INTO {p}_membership
    (id, member_id, organization_id, team_id, is_primary, wallet_id, created_at)
    SELECT place, member, organization, team, true, wallet, now() FROM m;
INSERT INTO {p}_membership
    (id, member_id, organization_id, team_id, is_primary, wallet_id, created_at)
    SELECT m.home, m.member, o.id, NULL, false, m.home_wallet, now() FROM m, {p}_organization o
    WHERE o.is_global
"""
