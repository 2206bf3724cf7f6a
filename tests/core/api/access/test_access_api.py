"""Who may use what, by REST: read, previewed, changed, explained, within one's branch."""

from typing import Any
from uuid import uuid4

import pytest

from core.access.rules.switches import Switch
from core.access.selectors import active_llm_ids, feature_switches, llm_policies
from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import memberships, nodes
from core.tenancy.policy import policy_version
from tenants.models import Llm
from tests.cast import TESTS
from tests.core.api.rest import Rest, faults, refused

Llms = tuple[Llm, Llm]


def at(kind: str, node: Any) -> str:
    return f"llm-policies/{kind}/{node.pk}"


# -- LLMs ------------------------------------------------------------------------------------------


def test_llms_are_listed_with_prices_and_whether_they_are_on(rest: Rest, llms: Llms) -> None:
    first = rest.get("llms", {"limit": 1}).json()
    second = rest.get("llms", {"limit": 1, "cursor": first["next"]}).json()

    names = {llm["name"]: llm for page in (first, second) for llm in page["items"]}
    assert set(names) == {"gpt-5", "haiku"}
    assert second["next"] is None
    assert all(llm["is_on"] for llm in names.values())


def test_switching_an_llm_off_is_previewed_and_done(
    rest: Rest, llms: Llms, content: Any, product: Product
) -> None:
    gpt, haiku = llms
    path = f"llms/{gpt.pk}/switch-off"

    seen = rest.post(f"{path}?preview=1").json()
    assert active_llm_ids(product.slug) == {gpt.pk, haiku.pk}
    done = rest.post(path).json()

    assert seen["preview"]
    assert not done["preview"]
    assert seen["effect"] == done["effect"]
    [lost] = done["effect"]["losses"]
    assert lost["thing"]["name"] == "gpt-5"
    assert lost["places"] == done["effect"]["places"] > 0
    assert not done["llm"]["is_on"]
    assert active_llm_ids(product.slug) == {haiku.pk}


def test_an_llm_that_is_not_offered_is_not_there(rest: Rest, llms: Llms) -> None:
    assert refused(rest.post(f"llms/{uuid4()}/switch-on")) == (404, "not_found")


# -- policies --------------------------------------------------------------------------------------


def test_a_policy_is_previewed_set_and_removed(
    rest: Rest, llms: Llms, content: Any, product: Product
) -> None:
    gpt, haiku = llms
    body = {"only": [str(haiku.pk)], "reason": "Costs"}
    version = policy_version()

    seen = rest.put(f"{at('team', content)}?preview=1", body)
    assert (llm_policies(product.slug), policy_version()) == ({}, version)
    done = rest.put(at("team", content), body)

    assert seen.json()["policy"] == done.json()["policy"]
    assert done.json()["policy"]["usable"] == [str(haiku.pk)]
    assert {loss["thing"]["name"] for loss in done.json()["effect"]["losses"]} == {"gpt-5"}
    read = rest.get(at("team", content))
    assert (read.json(), read["ETag"]) == (done.json()["policy"], done["ETag"])
    assert rest.get("llm-policies").json()["items"] == [read.json()]
    assert policy_version() == version + 1

    removed = rest.delete(at("team", content)).json()

    assert removed["policy"]["usable"] == sorted([str(gpt.pk), str(haiku.pk)])
    assert llm_policies(product.slug) == {}


def test_saying_the_same_again_changes_nothing(
    rest: Rest, llms: Llms, content: Any, product: Product
) -> None:
    body = {"block": [str(llms[0].pk)]}
    rest.put(at("team", content), body)
    entries, version = AuditEntry.objects.count(), policy_version()

    assert rest.put(at("team", content), body).status_code == 200

    assert (AuditEntry.objects.count(), policy_version()) == (entries, version)


def test_nobody_overwrites_what_they_have_not_seen(rest: Rest, llms: Llms, content: Any) -> None:
    etag = rest.get(at("team", content))["ETag"]
    rest.put(at("team", content), {"block": [str(llms[0].pk)]})

    late = rest.put(at("team", content), {"add": [str(llms[1].pk)]}, **{"If-Match": etag})

    assert refused(late) == (412, "precondition_failed")
    known = rest.get(at("team", content))["ETag"]
    assert rest.get(at("team", content), **{"If-None-Match": known}).status_code == 304


def test_faults_of_a_policy_are_pointed_at(rest: Rest, llms: Llms, content: Any) -> None:
    strange = {"only": [str(llms[0].pk), str(uuid4())], "add": ["gpt-5"]}

    assert faults(rest.put(at("team", content), {"add": ["gpt-5"]})) == [("/add/0", "invalid")]
    assert faults(rest.put(at("team", content), {"only": strange["only"]})) == [
        ("/only/1", "not_found")
    ]
    assert faults(rest.put(at("team", content), {"colour": 1})) == [("/colour", "unknown")]
    assert refused(rest.get(f"llm-policies/planet/{content.pk}")) == (404, "not_found")


def test_many_nodes_change_at_once_or_not_at_all(
    rest: Rest, llms: Llms, content: Any, marketing: Any, product: Product
) -> None:
    gpt, haiku = llms
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    named = [{"kind": "team", "id": str(content.pk)}, {"kind": "organization", "id": str(legal.pk)}]
    body = {"nodes": named, "llms": [str(gpt.pk), str(haiku.pk)], "act": "block"}
    stranger = {"kind": "team", "id": str(uuid4())}

    assert faults(rest.post("llm-policies/bulk", {**body, "nodes": [*named, stranger]})) == [
        ("/nodes/2", "not_found")
    ]
    assert rest.post("llm-policies/bulk?preview=1", body).json()["changed"] == 2
    assert llm_policies(product.slug) == {}
    done = rest.post("llm-policies/bulk", body).json()

    assert done["changed"] == 2
    blocked = frozenset({gpt.pk, haiku.pk})
    assert {key: said.block for key, said in llm_policies(product.slug).items()} == {
        content.pk: blocked,
        legal.pk: blocked,
    }


# -- features --------------------------------------------------------------------------------------


def test_a_feature_is_turned_off_and_explained(
    rest: Rest, content: Any, mia_member: Any, product: Product
) -> None:
    path = f"features/image_generation/team/{content.pk}"
    assert rest.get(path).json()["is_on"]

    seen = rest.put(f"{path}?preview=1", {"state": "off"}).json()
    assert feature_switches(product.slug) == {}
    done = rest.put(path, {"state": "off", "is_locked": True})

    assert seen["effect"]["losses"][0]["thing"]["id"] == "image_generation"
    assert done.json()["switch"] == rest.get(path).json()
    assert feature_switches(product.slug)["image_generation"] == {content.pk: Switch(False, True)}
    asked = {"member": str(mia_member.pk), "about": "feature:image_generation"}
    [decision] = rest.get("explain", asked).json()["decisions"]
    assert (decision["is_allowed"], decision["reason"]) == (False, "off")
    assert decision["would_flip"][0]["node"]["name"] == content.name


def test_features_of_many_nodes(rest: Rest, content: Any, marketing: Any, product: Product) -> None:
    named = [
        {"kind": "team", "id": str(content.pk)},
        {"kind": "organization", "id": str(marketing.pk)},
    ]
    body = {"nodes": named, "features": ["image_generation"], "state": "off"}

    assert rest.post("features/bulk", body).json()["changed"] == 2
    assert faults(rest.post("features/bulk", {**body, "features": ["fly"]})) == [
        ("/features/0", "not_found")
    ]
    assert faults(rest.post("features/bulk", {**body, "state": "inherit", "is_locked": True})) == [
        ("/is_locked", "lock")
    ]
    assert set(feature_switches(product.slug)["image_generation"]) == {content.pk, marketing.pk}


def test_a_feature_that_does_not_exist_is_not_found(rest: Rest, content: Any) -> None:
    assert refused(rest.get(f"features/fly/team/{content.pk}")) == (404, "not_found")


# -- why -------------------------------------------------------------------------------------------


def test_everything_about_a_member_is_what_is_enforced(
    rest: Rest, llms: Llms, content: Any, mia_member: Any
) -> None:
    gpt, haiku = llms
    rest.put(at("team", content), {"only": [str(haiku.pk)]})

    answer = rest.get("explain", {"member": str(mia_member.pk)}).json()

    verdicts = {each["about"]: each["is_allowed"] for each in answer["decisions"]}
    assert verdicts[f"llm:{gpt.pk}"] is False
    assert verdicts[f"llm:{haiku.pk}"] is True
    assert [node["kind"] for node in answer["path"]] == [
        "global",
        "organization",
        "team",
        "member",
    ]
    by_name = rest.get("explain", {"member": str(mia_member.pk), "about": "llm:gpt-5"}).json()
    [why] = by_name["decisions"]
    assert why["would_flip"][0]["sentence"] == "Add gpt-5 in Mia Member"


@pytest.mark.parametrize("about", ["llm:", "fly", "feature:fly"])
def test_nothing_is_explained_about_nothing(rest: Rest, mia_member: Any, about: str) -> None:
    answer = rest.get("explain", {"member": str(mia_member.pk), "about": about})

    assert faults(answer) == [("?about", "not_found")]


# -- branches --------------------------------------------------------------------------------------


def test_a_branch_gives_only_what_it_has(
    rest: Rest, olgas: Rest, llms: Llms, content: Any, marketing: Any, product: Product
) -> None:
    gpt, haiku = llms
    rest.put(at("organization", marketing), {"only": [str(haiku.pk)]})

    widened = olgas.put(at("team", content), {"add": [str(gpt.pk)]})
    many = {
        "nodes": [{"kind": "team", "id": str(content.pk)}],
        "llms": [str(gpt.pk)],
        "act": "allow",
    }

    assert refused(widened) == (403, "not_allowed")
    assert refused(olgas.post("llm-policies/bulk", many)) == (403, "not_allowed")
    assert refused(olgas.put(at("organization", marketing), {})) == (403, "not_allowed")
    assert olgas.put(at("team", content), {"block": [str(haiku.pk)]}).status_code == 200


def test_a_branch_does_not_see_another(
    olgas: Rest, rest: Rest, llms: Llms, product: Product, content: Any
) -> None:
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    rest.put(at("organization", legal), {"block": [str(llms[0].pk)]})

    assert olgas.get("llm-policies").json()["items"] == []
    assert refused(olgas.get(at("organization", legal))) == (404, "not_found")


def test_a_branch_cannot_turn_on_what_it_lacks(
    rest: Rest, olgas: Rest, marketing: Any, content: Any
) -> None:
    rest.put(f"features/image_generation/organization/{marketing.pk}", {"state": "off"})
    path = f"features/image_generation/team/{content.pk}"

    assert refused(olgas.put(path, {"state": "on"})) == (403, "not_allowed")
    assert olgas.put(path, {"state": "off"}).status_code == 200


def test_who_acts_from_another_branch_too_is_not_ones_own_to_change(
    rest: Rest, olgas: Rest, llms: Llms, content: Any, mia_member: Any, product: Product
) -> None:
    """What is said of a member counts wherever they act from."""
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    place = memberships.place_member(
        product=product, member=mia_member, organization=legal, actor=TESTS
    )
    feature = f"features/image_generation/member/{mia_member.pk}"
    many = {
        "nodes": [{"kind": "member", "id": str(mia_member.pk)}],
        "llms": [str(llms[0].pk)],
        "act": "block",
    }

    def answers() -> list[Any]:
        return [
            olgas.put(at("member", mia_member), {"add": [str(llms[0].pk)]}),
            olgas.post("llm-policies/bulk", many),
            olgas.put(feature, {"state": "off"}),
        ]

    assert [refused(answer) for answer in answers()] == [(403, "not_allowed")] * 3
    assert rest.put(feature, {"state": "on"}).status_code == 200
    memberships.remove_membership(product=product, membership=place, actor=TESTS)
    assert [answer.status_code for answer in answers()] == [200] * 3


def test_pages_of_policies_hold_what_the_branch_shows_and_nothing_else(
    rest: Rest, olgas: Rest, llms: Llms, product: Product, content: Any, marketing: Any
) -> None:
    names = ("Alpha", "Beta", "Gamma")
    others = [nodes.create_organization(product=product, name=name, actor=TESTS) for name in names]
    for other in others:
        rest.put(at("organization", other), {"block": [str(llms[0].pk)]})
    gone = nodes.create_team(product=product, organization=marketing, name="Gone", actor=TESTS)
    for team in (gone, content):
        rest.put(at("team", team), {"block": [str(llms[0].pk)]})
    nodes.archive_node(product=product, node=gone, reason="It was tried.", actor=TESTS)

    page = olgas.get("llm-policies", {"limit": 1}).json()
    first = rest.get("llm-policies", {"limit": 2}).json()
    second = rest.get("llm-policies", {"limit": 2, "cursor": first["next"]}).json()

    # Those of others stand before it, and an archived node's says nothing.
    assert [each["node"]["name"] for each in page["items"]] == ["Content"]
    assert page["next"] is None
    found = [each["node"]["name"] for each in (*first["items"], *second["items"])]
    assert (found, second["next"]) == ([*names, "Content"], None)
