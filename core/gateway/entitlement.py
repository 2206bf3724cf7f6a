"""Which LLMs a caller may use: exactly the names that `/v1/models` lists, on the paths they fit."""

from core.gateway.bodies import Body
from core.gateway.errors import InvalidBody, LlmNotAllowed, LlmNotFound, PriceUnknown
from core.gateway.ports import AccountSnapshot, Llm

_PATHS = {
    "chat": "/v1/chat/completions",
    "embedding": "/v1/embeddings",
    "image": "/v1/images/generations",
}


def usable_llms(snapshot: AccountSnapshot, product: str) -> list[Llm]:
    """Return what would be admitted, by name."""
    llms = snapshot.llms.get(product, {})
    return [llms[name] for name in sorted(llms) if llms[name].price is not None]


def llm_for(snapshot: AccountSnapshot, product: str, body: Body) -> Llm:
    """Return the LLM that a request names.

    Raises:
        LlmNotFound: no LLM of the account has this name.
        LlmNotAllowed: it is on for the account's other product only.
        PriceUnknown: it has no price.
        InvalidBody: it is of another kind than the path.
    """
    llm = snapshot.llms.get(product, {}).get(body.model)
    if llm is None:
        raise _missing(snapshot, product, body.model)
    if llm.price is None:
        raise PriceUnknown(
            f"{llm.name} has no price, so nothing can be reserved for it. A super admin can set "
            "one.",
            param="model",
        )
    if llm.kind != body.kind:
        raise InvalidBody(f"{llm.name} answers at {_PATHS[llm.kind]}, not here.", param="model")
    return llm


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
