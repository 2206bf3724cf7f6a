"""Many nodes at once: what is ticked in a matrix, its effect, and one act that applies it whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, ngettext

from core.access.features import features_of
from core.access.rules.llms import INHERIT, Act, LlmPolicy, with_act
from core.access.scopes import Scope, scope_of
from core.hierarchy.effects import Effect, effects_of_policies, effects_of_switches
from core.hierarchy.matrix import rows_matching
from core.hierarchy.policies import PolicyRow, rows_of_nodes
from core.ui.pages import page, problems_as_messages, render_page
from core.ui.product import features, llm_access
from core.ui.product.matrix import MOST_TICKED, look_of
from core.ui.product.undoing import is_as_seen, mark_of
from core.ui.product.urls import ProductSite

# What is shown of the nodes that a change reaches.
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Shift:
    """How many places gain, or lose, one thing."""

    title: str
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that all of them could say, with who would gain and lose what."""

    act: str
    label: str
    places: int
    shifts: Mapping[str, Sequence[Shift]] = field(default_factory=dict)


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of changes of many nodes."""
    manage = site.permission("manage_access")

    @page(permission=manage, methods=("GET", "POST"))
    def llms(request: HttpRequest) -> HttpResponse:
        desk = llm_access.Desk(request, site)
        given = request.POST if request.method == "POST" else request.GET
        rows = _rows(site, desk.scope, given)
        chosen = [key for key in _ids(given.getlist("thing")) if key in desk.titles]
        if not rows or not chosen:
            return _nothing(request, f"{site.slug}:llm-access")
        labels = {"allow": _("Allow"), "block": _("Block"), "inherit": _("Inherit")}
        llms, policies = frozenset(chosen), desk.access.policies
        said = [(row, policies.get(row.node.id, INHERIT)) for row in rows]
        seen = mark_of([(row.node.id.int, _about(policy, chosen)) for row, policy in said])
        act = _act(request.POST.get("act", ""))
        if request.method == "POST" and act is not None and _is_as_seen(request, seen):
            with problems_as_messages(request):
                reason = request.POST.get("reason", "").strip()[:200]
                changes = {row.node: (row, with_act(policy, llms, act)) for row, policy in said}
                desk.apply_all(changes, reason, label=_label(rows))
            return HttpResponseRedirect(reverse(f"{site.slug}:llm-access"))
        effects = effects_of_policies(
            site.product,
            desk.access,
            {
                act: {row.node: with_act(policy, llms, act) for row, policy in said}
                for act in llm_access.ACTS
            },
        )
        choices = [_choice(act, label, effects[act], desk.titles) for act, label in labels.items()]
        titles = [(str(key), desk.titles[key]) for key in chosen]
        above = (_("LLM access"), f"{site.slug}:llm-access")
        return _page(request, above=above, rows=rows, things=titles, choices=choices, seen=seen)

    @page(permission=manage, methods=("GET", "POST"))
    def switches(request: HttpRequest) -> HttpResponse:
        access = features.access_to_features(request, site)
        given = request.POST if request.method == "POST" else request.GET
        rows = _rows(site, scope_of(request.user, site.slug), given)
        known = {each.key: str(each.title) for each in features_of(site.slug)}
        wanted = given.getlist("thing")
        chosen = [key for key in known if key in wanted and key not in access.withheld]
        if not rows or not chosen:
            return _nothing(request, f"{site.slug}:features")
        act = request.POST.get("act", "")
        seen = mark_of(
            [
                (row.node.id.int, [access.switches.get(key, {}).get(row.node.id) for key in chosen])
                for row in rows
            ]
        )
        if request.method == "POST" and act in features.ACTS and _is_as_seen(request, seen):
            switch = features.ACTS[act]
            said = {row.node: (row, dict.fromkeys(chosen, switch)) for row in rows}
            with problems_as_messages(request):
                reason = request.POST.get("reason", "").strip()[:200]
                features.apply(request, site, said, _label(rows), reason)
            return HttpResponseRedirect(reverse(f"{site.slug}:features"))
        effects = effects_of_switches(
            site.product,
            access,
            {
                act: {row.node: dict.fromkeys(chosen, switch) for row in rows}
                for act, switch in features.ACTS.items()
            },
        )
        choices = [
            _choice(act, label, effects[act], known) for act, label in features.act_labels().items()
        ]
        titles = [(key, known[key]) for key in chosen]
        above = (_("Features"), f"{site.slug}:features")
        return _page(request, above=above, rows=rows, things=titles, choices=choices, seen=seen)

    return [
        path("llm-access/many/", llms, name="llm-access-many"),
        path("features/many/", switches, name="features-many"),
    ]


def _rows(site: ProductSite, scope: Scope, given: QueryDict) -> list[PolicyRow]:
    """Return the nodes that are ticked, or all that match, as far as who asks may change them."""
    if given.get("all"):
        return rows_matching(site.product, scope, look_of(given))
    ids = _ids(given.getlist("node"))[:MOST_TICKED]
    rows = rows_of_nodes(site.product, scope, ids)
    return [rows[key] for key in ids if key in rows and rows[key].can_edit]


def _act(text: str) -> Act | None:
    return next((act for act in llm_access.ACTS if act == text), None)


def _about(policy: LlmPolicy, llms: Sequence[UUID]) -> tuple[object, ...]:
    """Return what a policy says about some LLMs, and for all below it."""
    only = policy.only
    return (
        policy.is_locked,
        *((only and llm in only, llm in policy.add, llm in policy.block) for llm in llms),
    )


def _choice(act: str, label: str, effect: Effect, titles: Mapping[Any, str]) -> Choice:
    shifts = {
        name: [
            Shift(titles[key], count)
            for key, count in sorted(counts.items(), key=lambda pair: -pair[1])
            if key in titles
        ]
        for name, counts in (("gains", effect.gains), ("losses", effect.losses))
    }
    return Choice(act, label, effect.places, shifts)


def _page(
    request: HttpRequest,
    *,
    above: tuple[str, str],
    rows: Sequence[PolicyRow],
    things: Sequence[tuple[str, str]],
    choices: Sequence[Choice],
    seen: str,
) -> HttpResponse:
    """Show what would come of it; after a POST because something has changed meanwhile."""
    home = reverse(above[1])
    return render_page(
        request,
        "product/many.html",
        title=_("Change %(what)s") % {"what": _label(rows)},
        crumbs=[(above[0], home)],
        home=home,
        action=request.path,
        status=409 if request.method == "POST" else 200,
        seen=seen,
        reason=request.POST.get("reason", "")[:200],
        rows=rows[:MOST_SHOWN],
        hidden=len(rows[MOST_SHOWN:]),
        kept=_kept(request, rows),
        things=things,
        choices=choices,
    )


def _kept(request: HttpRequest, rows: Sequence[PolicyRow]) -> list[tuple[str, str]]:
    """Return what the form sends back: the nodes, or what they all match."""
    given = request.POST if request.method == "POST" else request.GET
    if not given.get("all"):
        return [("node", str(row.node.id)) for row in rows]
    return [(name, given.get(name, "")) for name in ("all", "q", "kind", "in")]


def _is_as_seen(request: HttpRequest, seen: str) -> bool:
    """Whether the nodes say what the form was shown; if not, who sent it is told."""
    if is_as_seen(request, seen):
        return True
    messages.error(
        request, _("Somebody has changed some of these since. This is what would come of it now.")
    )
    return False


def _nothing(request: HttpRequest, home: str) -> HttpResponse:
    messages.info(request, _("Tick at least one node and one column."))
    return HttpResponseRedirect(reverse(home))


def _label(rows: Sequence[PolicyRow]) -> str:
    if len(rows) == 1:
        return rows[0].node.label
    return ngettext("%d node", "%d nodes", len(rows)) % len(rows)


def _ids(texts: Sequence[str]) -> list[UUID]:
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[UUID(text)] = None
        except ValueError:
            continue
    return list(found)
