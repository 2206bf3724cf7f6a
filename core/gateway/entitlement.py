"""Which LLMs a caller may use: exactly the names that `/v1/models` lists, on the paths they fit."""

from dataclasses import replace
from datetime import datetime

from core.access.errors import FeatureOff, NotGranted
from core.access.features import CONTENT_LOGGING, IMAGE_GENERATION, PLAYGROUND
from core.access.refusals import Refusal
from core.access.rules.decisions import Decision
from core.access.rules.product import ProductAccess
from core.access.words import change_in_words, reason_in_words, step_in_words, who_can_help
from core.gateway.bodies import Body
from core.gateway.errors import InvalidBody, LlmNotAllowed, LlmNotFound, PriceUnknown
from core.gateway.ports import AccountSnapshot, Llm, Principal
from core.gateway.refusals import with_refusal
from core.hierarchy.sharing import CLIENT_APP
from core.kit.clock import now
from core.kit.problems import Problem
from core.usage.policies import DEFAULT

_HELPER = "account admin"

_PATHS = {
    "chat": "/v1/chat/completions",
    "embedding": "/v1/embeddings",
    "image": "/v1/images/generations",
    "transcription": "/v1/audio/transcriptions",
    "speech": "/v1/audio/speech",
    "rerank": "/v1/rerank",
    "moderation": "/v1/moderations",
}


def access_of_caller(snapshot: AccountSnapshot, principal: Principal) -> ProductAccess:
    """Return what decides about a caller: what is on for the account, and what their path says."""
    access = snapshot.access.get(principal.product) or ProductAccess(principal.product)
    return access.where(principal.said)


def usable_llms(snapshot: AccountSnapshot, principal: Principal) -> list[Llm]:
    """Return what would be admitted, by name."""
    llms = snapshot.llms.get(principal.product, {})
    access = access_of_caller(snapshot, principal)
    if not _may_act(access, principal):
        return []
    usable = access.llms(principal.path)
    has_images = access.has(IMAGE_GENERATION, principal.path)
    return [
        llm
        for _, llm in sorted(llms.items())
        if llm.id in usable
        and principal.limits.has_llm(llm.name)
        and llm.price is not None
        and (llm.kind != "image" or has_images)
    ]


def llm_for(snapshot: AccountSnapshot, principal: Principal, body: Body) -> Llm:
    """Return the LLM that a request names.

    Raises:
        NotGranted: the client app that calls for the member is not shared with them.
        FeatureOff: a page calls, and the playground is off for the caller.
        LlmNotFound: no LLM of the account has this name.
        LlmNotAllowed: a policy on the caller's path or the key itself keeps it away, or it is on
            for the account's other product only.
        FeatureOff: it makes images, and image generation is off for the caller.
        PriceUnknown: it has no price.
        InvalidBody: it is of another kind than the path.
    """
    access = access_of_caller(snapshot, principal)
    if not _may_act(access, principal):
        raise _may_not_act(access, principal)
    llm = snapshot.llms.get(principal.product, {}).get(body.model)
    if llm is None:
        raise _missing(snapshot, principal.product, body.model)
    if llm.id not in access.llms(principal.path):
        raise _kept_away(llm, access.why_llm(llm.id, principal.path))
    if not principal.limits.has_llm(llm.name):
        raise LlmNotAllowed(
            f"This key may not call {llm.name}; its LLMs stand on its page in Console.",
            param="model",
            reason="key",
        )
    if llm.price is None:
        raise PriceUnknown(
            f"{llm.name} has no price, so nothing can be reserved for it. A super admin can set "
            "one.",
            param="model",
        )
    if llm.kind != body.kind:
        raise InvalidBody(f"{llm.name} answers at {_PATHS[llm.kind]}, not here.", param="model")
    if llm.kind == "image" and not access.has(IMAGE_GENERATION, principal.path):
        raise _feature_off(access, IMAGE_GENERATION, "image generation", principal)
    return llm


def stand_ins_for(
    snapshot: AccountSnapshot, principal: Principal, body: Body, llm: Llm
) -> tuple[Llm, ...]:
    """Return who may answer in an LLM's stead: of its fallbacks those that the caller may use."""
    found = []
    for name in llm.fallbacks:
        try:
            found.append(llm_for(snapshot, principal, replace(body, model=name)))
        except Problem:
            # What one may not call does not answer either.
            continue
    return tuple(each for each in found if each.name != llm.name)


def may_keep_content(snapshot: AccountSnapshot, principal: Principal) -> bool:
    """Whether what a caller says may be kept: the account's policy says so, and their feature."""
    kept = snapshot.content.get(principal.product, DEFAULT)
    if not kept.has_content:
        return False
    return access_of_caller(snapshot, principal).has(CONTENT_LOGGING, principal.path)


def rights_end(principal: Principal) -> datetime | None:
    """Return when something that a caller's path has been granted, or denied, ends next."""
    moment = now()
    ends = (
        grant.ends_at
        for grants in principal.said.grants.values()
        for grant in grants.values()
        if grant.ends_at is not None and grant.ends_at > moment
    )
    return min(ends, default=None)


def _may_act(access: ProductAccess, principal: Principal) -> bool:
    """Whether what calls may act for who it says: a client app, also when grants end, or a page."""
    if principal.client_id is not None:
        return access.may_use((CLIENT_APP, principal.client_id), principal.path, at=now())
    return not _is_page_without_playground(access, principal)


def _is_page_without_playground(access: ProductAccess, principal: Principal) -> bool:
    """Whether a page of the cockpit calls, and its product's playground is off for the caller.

    Who has neither a key nor a client app shows a token that a page was lent.
    """
    if principal.key_id is not None or principal.client_id is not None:
        return False
    decision = access.why_feature(PLAYGROUND, principal.path)
    return decision is not None and not decision.is_allowed


def _may_not_act(access: ProductAccess, principal: Principal) -> Problem:
    if principal.client_id is not None:
        return _not_shared(access, principal)
    return _feature_off(access, PLAYGROUND, "the playground", principal)


def _not_shared(access: ProductAccess, principal: Principal) -> Problem:
    assert principal.client_id is not None
    what = "this app"
    decision = access.why_thing((CLIENT_APP, principal.client_id), principal.path, at=now())
    problem = NotGranted(
        f"This app may not act for you: {reason_in_words(decision, what)}. An {_HELPER} can change "
        "that.",
        who_can_help=[_HELPER],
        **_explained(decision, what),
    )
    refusal = Refusal(CLIENT_APP, str(principal.client_id), what, decision)
    return with_refusal(problem, refusal)


def _kept_away(llm: Llm, decision: Decision) -> Problem:
    problem = LlmNotAllowed(
        f"You may not use {llm.name}: {reason_in_words(decision, llm.name)}. An {_HELPER} can "
        "change that.",
        param="model",
        who_can_help=[_HELPER],
        **_explained(decision, llm.name),
    )
    return with_refusal(problem, Refusal("llm", str(llm.id), llm.name, decision))


def _feature_off(access: ProductAccess, key: str, what: str, principal: Principal) -> Problem:
    decision = access.why_feature(key, principal.path)
    if decision is None:
        return FeatureOff(f"This product has no {what}.", feature=key)
    helper = who_can_help(decision)
    problem = FeatureOff(
        f"{what[0].upper()}{what[1:]} is off for you: {reason_in_words(decision, what)}. "
        f"{'A' if helper.startswith('s') else 'An'} {helper} can change that.",
        feature=key,
        who_can_help=[helper],
        **_explained(decision, what),
    )
    return with_refusal(problem, Refusal("feature", key, what, decision))


def _explained(decision: Decision, what: str) -> dict[str, object]:
    return {
        "reason": decision.reason.rule,
        "trace": [step_in_words(step, what) for step in decision.trace],
        "would_help": [change_in_words(change, what) for change in decision.flip],
    }


def _missing(snapshot: AccountSnapshot, product: str, name: str) -> LlmNotFound | LlmNotAllowed:
    elsewhere = [other for other, llms in snapshot.llms.items() if name in llms]
    if elsewhere:
        return LlmNotAllowed(
            f"{name} is on for {elsewhere[0].title()} in this account, but not for "
            f"{product.title()}. An account admin can change that.",
            param="model",
            who_can_help=["account admin"],
        )
    return LlmNotFound(
        f"There is no LLM named {name!r} for this account. GET /v1/models lists what there is; "
        "a super admin can offer more, an account admin switches them on.",
        param="model",
    )
