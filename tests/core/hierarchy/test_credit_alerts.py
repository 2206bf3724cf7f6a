"""People are told of used credits: once a cycle and wallet, each threshold."""

from collections.abc import Callable
from typing import Any

import pytest

from core.credits.alerts import set_thresholds
from core.credits.models import Forecast
from core.hierarchy.credit_alerts import tell_of_used_credits
from core.hierarchy.product import Product
from core.kit.problems import InvalidInput
from core.notifications.models import Notification
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.factories.credits import allocate


@pytest.fixture
def branch(in_acme: Account, product: Product) -> ProductBranch:
    """600 for Marketing, of those 400 for Content, of those 100 for Mia."""
    made = branch_of(product)
    allocate(made.place.wallet, whole(100))
    Notification.objects.all().delete()
    return made


def told() -> list[tuple[str, str]]:
    rows = Notification.objects.select_related("user").order_by("user__email", "id")
    return [(str(row.user).split(" ", maxsplit=1)[0], row.sentence) for row in rows]


def test_a_member_is_told_of_their_own_and_admins_of_theirs(branch: ProductBranch) -> None:
    branch.call(whole(81))

    assert tell_of_used_credits(branch.product) == 1

    assert told() == [("Mia", "You have used 80 % of your credits in Content: 81 of 100")]


def test_who_administers_a_node_is_told_with_the_account_admins(branch: ProductBranch) -> None:
    allocate(branch.place.wallet, whole(390))
    Notification.objects.all().delete()
    branch.call(whole(385))

    tell_of_used_credits(branch.product)

    by_name: dict[str, list[str]] = {}
    for name, sentence in told():
        by_name.setdefault(name, []).append(sentence.split(" of the credits of ")[-1])
    title = branch.product.title
    assert f"Content in {title} are used: 385 of 400" in by_name["Theo"][0]
    assert {line.split(" in ")[0] for line in by_name["Ada"]} == {"Content", "Marketing"}
    assert {line.split(" in ")[0] for line in by_name["Olga"]} == {"Marketing"}


def test_nobody_is_told_twice(branch: ProductBranch) -> None:
    branch.call(whole(81))
    tell_of_used_credits(branch.product)

    assert tell_of_used_credits(branch.product) == 0
    branch.call(whole(15))
    assert tell_of_used_credits(branch.product) == 1
    assert [sentence[:18] for _, sentence in told()] == ["You have used 80 %", "You have used 95 %"]


def test_own_thresholds_count(branch: ProductBranch) -> None:
    set_thresholds(book=branch.book, percents=[10], actor=TESTS)
    branch.call(whole(9))
    before = tell_of_used_credits(branch.product)

    branch.call(whole(2))

    assert (before, tell_of_used_credits(branch.product)) == (0, 1)


@pytest.mark.parametrize("percents", [[0], [101], list(range(1, 10))])
def test_thresholds_that_cannot_be_are_refused(branch: ProductBranch, percents: list[int]) -> None:
    with pytest.raises(InvalidInput):
        set_thresholds(book=branch.book, percents=percents, actor=TESTS)


def test_the_job_tells_and_keeps_a_forecast_a_day(
    acme: Account, branch: ProductBranch, as_job: Callable[..., Any]
) -> None:
    branch.call(whole(81))

    for _ in range(2):
        as_job("credits.watch", account=acme)

    with in_account(acme):
        assert len(told()) == 1
        kept = Forecast.objects.get(book=branch.book)
    assert (kept.used, kept.burn) == (whole(81), whole(81))
