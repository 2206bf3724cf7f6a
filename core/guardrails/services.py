"""Every write of guardrails. Each bumps the policy version, so that the gateway looks again."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.guardrails.errors import AlreadyBound, GuardrailInUse, InvalidGuardrail
from core.guardrails.models import Guardrail, GuardrailAction, GuardrailBinding, GuardrailStage
from core.guardrails.presets import preset_for
from core.tenancy.policy import bump_policy

CREATED = verbs.register("guardrail.create", "{actor} set up the guardrail {target}", icon="shield")
CHANGED = verbs.register(
    "guardrail.change", "{actor} changed the guardrail {target}", icon="shield"
)
REMOVED = verbs.register(
    "guardrail.remove", "{actor} removed the guardrail {target}", icon="remove_moderator"
)
BOUND = verbs.register(
    "guardrail.bind",
    "{actor} bound the guardrail {target} to {after[product]}: {after[action]}",
    icon="shield_lock",
)
REBOUND = verbs.register(
    "guardrail.rebind",
    "{actor} changed how the guardrail {target} applies to {after[product]}: {after[action]}",
    icon="shield_lock",
)
UNBOUND = verbs.register(
    "guardrail.unbind",
    "{actor} took the guardrail {target} off {before[product]}",
    icon="remove_moderator",
)


@transaction.atomic
def create_guardrail(
    *, name: str, preset: str, actor: Actor, settings: Mapping[str, Any] | None = None
) -> Guardrail:
    """Set up a preset under a name. It applies nowhere until it is bound.

    Raises:
        InvalidGuardrail: no such preset, settings that make no sense, or a name already taken.
    """
    cleaned = preset_for(preset).clean_settings(settings or {})
    guardrail = Guardrail(name=_clean_name(name), preset=preset, settings=cleaned)
    _save(guardrail)
    record(
        actor=actor,
        verb=CREATED,
        target=_target(guardrail),
        after={"preset": preset, "settings": cleaned},
    )
    return guardrail


@transaction.atomic
def change_guardrail(
    *, guardrail: Guardrail, actor: Actor, name: str, settings: Mapping[str, Any]
) -> Guardrail:
    """Rename a guardrail or change its settings, wherever it is bound.

    Raises:
        InvalidGuardrail: settings that make no sense, or a name already taken.
    """
    before = {"name": guardrail.name, "settings": guardrail.settings}
    guardrail.name = _clean_name(name)
    guardrail.settings = preset_for(guardrail.preset).clean_settings(settings)
    _save(guardrail)
    after = {"name": guardrail.name, "settings": guardrail.settings}
    record(actor=actor, verb=CHANGED, target=_target(guardrail), before=before, after=after)
    bump_policy()
    return guardrail


@transaction.atomic
def remove_guardrail(*, guardrail: Guardrail, actor: Actor, reason: str = "") -> None:
    """Remove a guardrail that is bound nowhere. Verdicts of the past keep its name.

    Raises:
        GuardrailInUse: it is still bound.
    """
    if guardrail.bindings.exists():
        raise GuardrailInUse("Take the guardrail off its products first.")
    record(
        actor=actor,
        verb=REMOVED,
        target=_target(guardrail),
        before={"preset": guardrail.preset, "settings": guardrail.settings},
        reason=reason,
    )
    guardrail.delete()


@transaction.atomic
def bind_guardrail(
    *,
    product: str,
    guardrail: Guardrail,
    action: str,
    stages: Iterable[str],
    actor: Actor,
    is_mandatory: bool = False,
) -> GuardrailBinding:
    """Let a guardrail apply to every call of a product.

    Raises:
        InvalidGuardrail: an unknown action or stage, or no stage.
        AlreadyBound: it is bound to this product; change that binding.
    """
    binding = GuardrailBinding(
        product=product,
        guardrail=guardrail,
        action=_clean_action(action),
        stages=_clean_stages(stages),
        is_mandatory=is_mandatory,
    )
    try:
        with transaction.atomic():
            binding.save(force_insert=True)
    except IntegrityError:
        raise AlreadyBound(f"{guardrail.name} is already bound to {product}.") from None
    record(
        actor=actor,
        verb=BOUND,
        target=_target(guardrail),
        after=_described(binding),
        product=product,
    )
    bump_policy()
    return binding


@transaction.atomic
def bind_preset(
    *,
    product: str,
    preset: str,
    action: str,
    stages: Iterable[str],
    actor: Actor,
    is_mandatory: bool = False,
) -> GuardrailBinding:
    """Let a preset apply to every call of a product, by the guardrail that the account has of it.

    The first time, the guardrail is set up with the preset's own title and settings.

    Raises:
        InvalidGuardrail: no such preset, action or stage, or the preset's title is taken.
        AlreadyBound: it is bound to this product; change that binding.
    """
    guardrail = Guardrail.objects.filter(preset=preset).order_by("created_at").first()
    if guardrail is None:
        guardrail = create_guardrail(name=preset_for(preset).title, preset=preset, actor=actor)
    return bind_guardrail(
        product=product,
        guardrail=guardrail,
        action=action,
        stages=stages,
        is_mandatory=is_mandatory,
        actor=actor,
    )


@transaction.atomic
def rebind_guardrail(
    *,
    binding: GuardrailBinding,
    action: str,
    stages: Iterable[str],
    is_mandatory: bool,
    actor: Actor,
) -> GuardrailBinding:
    """Change how strictly and where in a call a bound guardrail applies.

    Raises:
        InvalidGuardrail: an unknown action or stage, or no stage.
    """
    before = _described(binding)
    binding.action = _clean_action(action)
    binding.stages = _clean_stages(stages)
    binding.is_mandatory = is_mandatory
    binding.save(update_fields=["action", "stages", "is_mandatory"])
    record(
        actor=actor,
        verb=REBOUND,
        target=_target(binding.guardrail),
        before=before,
        after=_described(binding),
        product=binding.product,
    )
    bump_policy()
    return binding


@transaction.atomic
def unbind_guardrail(*, binding: GuardrailBinding, actor: Actor, reason: str = "") -> None:
    """Take a guardrail off a product."""
    record(
        actor=actor,
        verb=UNBOUND,
        target=_target(binding.guardrail),
        before=_described(binding),
        reason=reason,
        product=binding.product,
    )
    binding.delete()
    bump_policy()


def _save(guardrail: Guardrail) -> None:
    try:
        with transaction.atomic():
            guardrail.save()
    except IntegrityError:
        raise InvalidGuardrail(f"There is already a guardrail named {guardrail.name!r}.") from None


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= 120 or not cleaned.isprintable():
        raise InvalidGuardrail("A guardrail needs a name of at most 120 characters.")
    return cleaned


def _clean_action(action: str) -> str:
    if action not in GuardrailAction.values:
        raise InvalidGuardrail(f"An action is one of {', '.join(GuardrailAction.values)}.")
    return action


def _clean_stages(stages: Iterable[str]) -> list[str]:
    chosen = set(stages)
    if not chosen or chosen - set(GuardrailStage.values):
        raise InvalidGuardrail(f"Stages are some of {', '.join(GuardrailStage.values)}.")
    return [stage for stage in GuardrailStage.values if stage in chosen]


def _described(binding: GuardrailBinding) -> dict[str, Any]:
    return {
        "product": binding.product,
        "action": binding.action,
        "stages": list(binding.stages),
        "is_mandatory": binding.is_mandatory,
    }


def _target(guardrail: Guardrail) -> tuple[str, Any, str]:
    return ("guardrail", guardrail.id, guardrail.name)
