"""Versions of prices: the platform's of its catalogue, and an account's of its own LLMs."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from core.audit.services import Actor, record
from core.kit.problems import InvalidInput
from tenants.models import PRICE_FIELDS, PriceVersion
from tenants.rules import is_price, whole_price

Row = TypeVar("Row", bound=PriceVersion)


def start_version(
    kind: type[Row],
    *,
    llm: Any,
    prices: Mapping[str, Decimal],
    actor: Actor,
    verb: str,
    target: tuple[str, Any, str],
    product: str = "",
) -> tuple[Row, bool]:
    """Return the price that counts from now on, and whether it is a new version.

    An unnamed kind of tokens costs as plain ones. The price that is in force already starts no
    version. Who calls this has checked the prices, and holds a lock on the LLM.
    """
    rows: Any = kind._default_manager
    last = rows.filter(llm=llm).order_by("-version").first()
    wanted = whole_price(prices, PRICE_FIELDS)
    if last is not None and wanted == last.parts():
        return last, False
    version = 1 if last is None else last.version + 1
    row = rows.create(llm=llm, version=version, created_by=actor.label, **wanted)
    record(
        actor=actor,
        verb=verb,
        target=target,
        before=None if last is None else {"version": last.version, **last.named()},
        after={"version": row.version, **row.named()},
        product=product,
    )
    return row, True


def check_prices(
    prices: Mapping[str, Decimal],
    *,
    least: Mapping[str, Decimal] | None = None,
    needed: Iterable[str] = (),
) -> None:
    """Check a price before it starts a version, its parts against the `least` that each may be.

    One that is `needed` counts as nothing where it is left out, others as plain tokens.

    Raises:
        InvalidInput: an unknown part, a price out of range or below the floor, or nothing above
            zero.
    """
    unknown = set(prices) - set(PRICE_FIELDS)
    if unknown:
        raise InvalidInput(f"There is no price called {', '.join(sorted(unknown))}.")
    faults = {
        part: "Enter US dollars from 0 to 1,000,000 with at most six decimals."
        for part, price in prices.items()
        if not is_price(price)
    }
    given = {**dict.fromkeys(needed, Decimal(0)), **prices}
    for part, floor in (least or {}).items():
        if part not in faults and given.get(part, floor) < floor:
            each = "a picture" if part == "image_each_usd" else "a million"
            faults[part] = f"The platform's least price is ${floor.normalize():f} {each}."
    if not faults and not any(prices.values()):
        faults["input_usd"] = "At least one price must be above zero: an unpriced LLM is refused."
    if faults:
        raise InvalidInput(
            " ".join(dict.fromkeys(faults.values())),
            errors=[
                {"pointer": f"/{part}", "code": "price", "detail": detail}
                for part, detail in faults.items()
            ],
        )
