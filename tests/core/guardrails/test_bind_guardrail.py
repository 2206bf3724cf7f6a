"""Setting up guardrails and binding them: rows, audit entries, policy versions."""

import pytest

from core.audit.models import AuditEntry
from core.guardrails import selectors, services
from core.guardrails.errors import AlreadyBound, GuardrailInUse, InvalidGuardrail
from core.guardrails.models import Guardrail, GuardrailBinding
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS


@pytest.fixture
def guardrail(in_acme: Account) -> Guardrail:
    return services.create_guardrail(name="Our data", preset="pii", actor=TESTS)


def bind(guardrail: Guardrail, product: str = "console") -> GuardrailBinding:
    return services.bind_guardrail(
        product=product,
        guardrail=guardrail,
        action="mask",
        stages=["output", "input"],
        is_mandatory=True,
        actor=TESTS,
    )


def test_guardrail_applies_only_where_it_is_bound(guardrail: Guardrail) -> None:
    before = policy_version()

    bind(guardrail)

    [bound] = selectors.bound_guardrails()["console"]
    assert (bound.name, bound.preset, bound.action) == ("Our data", "pii", "mask")
    assert bound.stages == {"input", "output"}
    assert bound.is_mandatory
    assert "EMAIL" in bound.settings["entities"]
    assert "copilot" not in selectors.bound_guardrails()
    assert policy_version() == before + 1


def test_each_change_leaves_an_entry(guardrail: Guardrail) -> None:
    binding = bind(guardrail)
    services.rebind_guardrail(
        binding=binding, action="block", stages=["input"], is_mandatory=False, actor=TESTS
    )
    services.change_guardrail(
        guardrail=guardrail, name="Fewer", settings={"entities": ["EMAIL"]}, actor=TESTS
    )
    services.unbind_guardrail(binding=binding, actor=TESTS)
    services.remove_guardrail(guardrail=guardrail, actor=TESTS)

    verbs = list(
        AuditEntry.objects.filter(verb__startswith="guardrail.")
        .order_by("pk")
        .values_list("verb", flat=True)
    )
    assert verbs == [
        "guardrail.create",
        "guardrail.bind",
        "guardrail.rebind",
        "guardrail.change",
        "guardrail.unbind",
        "guardrail.remove",
    ]


def test_guardrail_is_bound_to_a_product_once(guardrail: Guardrail) -> None:
    bind(guardrail)

    with pytest.raises(AlreadyBound):
        bind(guardrail)

    assert GuardrailBinding.objects.count() == 1


def test_bound_guardrail_cannot_be_removed(guardrail: Guardrail) -> None:
    bind(guardrail)

    with pytest.raises(GuardrailInUse):
        services.remove_guardrail(guardrail=guardrail, actor=TESTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "astrology"},
        {"settings": {"entities": ["SHOE_SIZE"]}},
        {"name": "  "},
        {"name": "x" * 200},
        {"name": "Our data"},
    ],
)
def test_guardrail_that_makes_no_sense_is_refused(
    guardrail: Guardrail, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidGuardrail):
        services.create_guardrail(
            **{"name": "Another", "preset": "pii", "actor": TESTS, **wrong}  # type: ignore[arg-type]
        )

    assert Guardrail.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"action": "shout"}, {"stages": []}, {"stages": ["between"]}])
def test_binding_that_makes_no_sense_is_refused(
    guardrail: Guardrail, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidGuardrail):
        services.bind_guardrail(
            **{  # type: ignore[arg-type]
                "product": "console",
                "guardrail": guardrail,
                "action": "mask",
                "stages": ["input"],
                "actor": TESTS,
                **wrong,
            }
        )
