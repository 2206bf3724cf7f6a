"""Guardrail and GuardrailBinding."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.guardrails.verdicts import BoundGuardrail
from core.kit.ids import uuid7


class GuardrailAction(models.TextChoices):
    """What happens to a text in which something was found; of several, the strictest decides."""

    BLOCK = "block", _("Block")
    MASK = "mask", _("Mask")
    FLAG = "flag", _("Flag only")


class GuardrailStage(models.TextChoices):
    """Where in a call a guardrail looks."""

    INPUT = "input", _("What goes to the LLM")
    OUTPUT = "output", _("What comes back")


class Guardrail(models.Model):
    """A preset with the settings that an account has chosen for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120, unique=True)
    preset = models.CharField(_("preset"), max_length=40)
    settings: "models.JSONField[dict[str, Any]]" = models.JSONField(_("settings"), default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("guardrail")
        verbose_name_plural = _("guardrails")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class GuardrailBinding(models.Model):
    """Where a guardrail applies and how strictly: here, to every call of one product."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(_("product"), max_length=16)
    guardrail = models.ForeignKey(Guardrail, on_delete=models.PROTECT, related_name="bindings")
    action = models.CharField(_("action"), max_length=8, choices=GuardrailAction.choices)
    stages = ArrayField(
        models.CharField(max_length=8, choices=GuardrailStage.choices), verbose_name=_("stages")
    )
    is_mandatory = models.BooleanField(
        _("required"),
        default=False,
        help_text=_("A call is refused when a required guardrail cannot run."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("guardrail binding")
        verbose_name_plural = _("guardrail bindings")
        ordering = ("product", "created_at")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("product", "guardrail"), name="guardrail_bound_once_for_each_product"
            ),
            models.CheckConstraint(
                condition=models.Q(action__in=GuardrailAction.values),
                name="guardrail_binding_has_an_action",
            ),
            models.CheckConstraint(
                condition=models.Q(stages__len__gte=1)
                & models.Q(stages__contained_by=GuardrailStage.values),
                name="guardrail_binding_has_stages",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guardrail} ({self.get_action_display()})"

    def as_bound(self) -> BoundGuardrail:
        """Return the binding as the engine takes it."""
        return BoundGuardrail(
            id=self.guardrail.id,
            name=self.guardrail.name,
            preset=self.guardrail.preset,
            action=self.action,  # type: ignore[arg-type]  # a check constraint guards it
            stages=frozenset(self.stages),  # type: ignore[arg-type]  # so does another
            settings=self.guardrail.settings,
            is_mandatory=self.is_mandatory,
        )
