"""Refused calls as admins see them: those of their own part of a product."""

from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.models import RefusedDecision
from core.access.scopes import Scope
from core.hierarchy import reach
from core.hierarchy.product import Product
from core.kit.problems import NotFound


def refusals_for(product: Product, scope: Scope) -> QuerySet[RefusedDecision]:
    """Return the refused calls from places in a scope, newest first.

    A team that has moved since takes its refused calls along: whoever administers it now can help.
    """
    rows = RefusedDecision.objects.filter(product=product.slug).order_by("-pk")
    if scope.everything:
        return rows
    teams = reach.teams_within(product, scope).order_by().values("pk")
    organizations = reach.organizations_within(product, scope).order_by().values("pk")
    return rows.filter(Q(team_id__in=teams) | Q(team_id=None, organization_id__in=organizations))


def refusal_for(product: Product, scope: Scope, refusal_id: UUID) -> RefusedDecision:
    """Return one refused call of a scope.

    Raises:
        NotFound: the scope has none of that id, or it has had its time.
    """
    row = refusals_for(product, scope).filter(pk=refusal_id).first()
    if row is None:
        raise NotFound("There is no such refused call here, or it has had its time.")
    return row
