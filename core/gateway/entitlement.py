"""Which LLMs a caller may use: exactly the names that `/v1/models` lists, on the paths they fit."""

from dataclasses import replace

from core.access.errors import FeatureOff, NotGranted
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

_IMAGES = "image_generation"
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


def usable_llms(snapshot: AccountSnapshot, principal: Principal) -> list[Llm]:
    """Return what would be admitted, by name."""
    llms = snapshot.llms.get(principal.product, {})
    access = _access(snapshot, principal)
    if not _may_act(access, principal):
        return []
    usable = access.llms(principal.path)
    has_images = access.has(_IMAGES, principal.path)
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
        LlmNotFound: no LLM of the account has this name.
        LlmNotAllowed: a policy on the caller's path or the key itself keeps it away, or it is on
            for the account's other product only.
        FeatureOff: it makes images, and image generation is off for the caller.
        PriceUnknown: it has no price.
        InvalidBody: it is of another kind than the path.
    """
    access = _access(snapshot, principal)
    if not _may_act(access, principal):
        raise _not_shared(access, principal)
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
    if llm.kind == "image" and not access.has(_IMAGES, principal.path):
        raise _images_off(access.why_feature(_IMAGES, principal.path))
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


def _access(snapshot: AccountSnapshot, principal: Principal) -> ProductAccess:
    return snapshot.access.get(principal.product) or ProductAccess(principal.product)


def _may_act(access: ProductAccess, principal: Principal) -> bool:
    """Whether the client app that calls, if any, may act for who it says; also when grants end."""
    if principal.client_id is None:
        return True
    return access.may_use((CLIENT_APP, principal.client_id), principal.path, at=now())


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


def _images_off(decision: Decision | None) -> Problem:
    what = "image generation"
    if decision is None:
        return FeatureOff(f"This product has no {what}.", feature=_IMAGES)
    helper = who_can_help(decision)
    problem = FeatureOff(
        f"{what.capitalize()} is off for you: {reason_in_words(decision, what)}. "
        f"{'A' if helper.startswith('s') else 'An'} {helper} can change that.",
        feature=_IMAGES,
        who_can_help=[helper],
        **_explained(decision, what),
    )
    return with_refusal(problem, Refusal("feature", _IMAGES, what, decision))


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
