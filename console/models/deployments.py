"""OwnLlm, OwnPrice, Deployment: LLMs that an account brings along."""

from urllib.parse import urlsplit

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models import LlmKind, PriceVersion
from tenants.vendors import vendor_named


class OwnLlm(models.Model):
    """An LLM that the account runs itself, under the public name that its developers call.

    `catalogue_id` is the LLM of the platform's catalogue that it is the same as: then the
    platform's price counts. `fallback` is the name of an LLM that may answer in its stead.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name in calls"), max_length=80)
    title = models.CharField(_("title"), max_length=120)
    kind = models.CharField(max_length=16, choices=LlmKind.choices, default=LlmKind.CHAT)
    description = models.CharField(_("description"), max_length=300, blank=True)
    context_window = models.PositiveIntegerField(_("context window (tokens)"), default=128_000)
    max_output_tokens = models.PositiveIntegerField(_("longest answer (tokens)"), default=8_192)
    capabilities = models.JSONField(_("capabilities"), default=list, blank=True)
    catalogue_id = models.UUIDField(null=True, blank=True)
    fallback = models.CharField(_("fallback"), max_length=80, blank=True)
    retries = models.PositiveSmallIntegerField(_("retries"), default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("own LLM")
        verbose_name_plural = _("own LLMs")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("name",),
                condition=models.Q(archived_at=None),
                name="own_llm_name_once",
            ),
        )

    def __str__(self) -> str:
        return self.title


class OwnPrice(PriceVersion):
    """What an own LLM costs where the platform does not say."""

    llm = models.ForeignKey(OwnLlm, on_delete=models.PROTECT, related_name="own_prices")

    class Meta(PriceVersion.Meta):
        abstract = False
        verbose_name = _("price of an own LLM")
        constraints = (
            models.UniqueConstraint(fields=("llm", "version"), name="own_price_version_once"),
        )


class CheckOutcome(models.TextChoices):
    """What came of a test call."""

    OK = "ok", _("It answers")
    CREDENTIAL = "credential", _("The credential is refused")
    UNKNOWN_MODEL = "unknown_model", _("The model is not there")
    UNPAID = "unpaid", _("Nothing is left at the vendor")
    ADDRESS = "address", _("The address is not allowed")
    UNREACHABLE = "unreachable", _("It cannot be reached")
    TIMEOUT = "timeout", _("It took too long")
    LIMITED = "limited", _("It is at its rate limit")
    REJECTED = "rejected", _("It rejects the request")
    FAILED = "failed", _("It fails")
    GATEWAY = "gateway", _("The gateway could not test it")


class Deployment(models.Model):
    """One place where an own LLM runs; its credential is sealed and never read by people.

    The lowest `order` is asked first, `weight` shares the calls among equals.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    llm = models.ForeignKey(OwnLlm, on_delete=models.PROTECT, related_name="deployments")
    vendor = models.CharField(_("vendor"), max_length=40)
    upstream_model = models.CharField(_("model at the vendor"), max_length=120)
    api_base = models.CharField(_("address"), max_length=300, blank=True)
    options = models.JSONField(default=dict, blank=True)
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    order = models.PositiveSmallIntegerField(_("order"), default=1)
    timeout_seconds = models.PositiveSmallIntegerField(_("timeout (seconds)"), default=60)
    is_active = models.BooleanField(_("active"), default=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_outcome = models.CharField(max_length=16, choices=CheckOutcome.choices, blank=True)
    test_detail = models.CharField(max_length=600, blank=True)
    test_latency_ms = models.PositiveIntegerField(null=True, blank=True)
    # What LiteLLM's list says of the model: a start for its price and its limits.
    suggestion = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("deployment")
        ordering = ("order", "created_at")

    def __str__(self) -> str:
        vendor = vendor_named(self.vendor)
        return f"{vendor.title if vendor else self.vendor}: {self.upstream_model}"

    @property
    def where(self) -> str:
        """Where it runs, beyond its vendor: the host that was typed in, or the region."""
        if self.api_base:
            return urlsplit(self.api_base).netloc
        return str(self.options.get("region") or self.options.get("location") or "")

    @property
    def label(self) -> str:
        """How usage events name it: the vendor and the model, and which of several."""
        return f"{self.vendor}/{self.upstream_model} ({str(self.pk)[-6:]})"
