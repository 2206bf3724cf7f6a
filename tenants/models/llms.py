"""The LLM catalogue: LLMs, their prices, where they run, and who is offered them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models.accounts import Account
from tenants.models.prices import PriceVersion


class LlmKind(models.TextChoices):
    """What an LLM is called for."""

    CHAT = "chat", _("Chat")
    EMBEDDING = "embedding", _("Embedding")
    IMAGE = "image", _("Image")
    TRANSCRIPTION = "transcription", _("Speech to text")
    SPEECH = "speech", _("Text to speech")
    RERANK = "rerank", _("Reranking")
    MODERATION = "moderation", _("Moderation")


class Llm(models.Model):
    """A language model in the super admin's catalogue, under the name that clients send."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(
        _("name"),
        max_length=80,
        unique=True,
        help_text=_("The exact model name that clients send, such as gpt-5."),
    )
    title = models.CharField(_("title"), max_length=120)
    vendor = models.CharField(_("vendor"), max_length=60)
    kind = models.CharField(max_length=16, choices=LlmKind.choices, default=LlmKind.CHAT)
    description = models.CharField(_("description"), max_length=300, blank=True)
    context_window = models.PositiveIntegerField(_("context window (tokens)"), default=128_000)
    max_output_tokens = models.PositiveIntegerField(_("longest answer (tokens)"), default=8_192)
    capabilities = models.JSONField(_("capabilities"), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        verbose_name = _("LLM")
        verbose_name_plural = _("LLMs")
        ordering = ("vendor", "name")

    def __str__(self) -> str:
        return self.title


class PriceRow(PriceVersion):
    """What an LLM of the catalogue costs."""

    llm = models.ForeignKey(Llm, on_delete=models.PROTECT, related_name="prices")

    class Meta(PriceVersion.Meta):
        abstract = False
        verbose_name = _("price row")
        constraints = (
            models.UniqueConstraint(fields=("llm", "version"), name="each_price_version_once"),
        )


class PlatformDeployment(models.Model):
    """Where the platform runs an LLM: LiteLLM's provider and model name, and a sealed credential.

    `options` are what the vendor needs besides, such as a region or a project. Without a credential
    of its own it uses the vendor's key from the environment; without that, and only in a demo, the
    demo provider answers.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    llm = models.OneToOneField(Llm, on_delete=models.PROTECT, related_name="deployment")
    provider = models.CharField(_("provider"), max_length=40)
    upstream_model = models.CharField(_("model at the provider"), max_length=120)
    api_base = models.URLField(_("base URL"), blank=True)
    options = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("platform deployment")

    def __str__(self) -> str:
        return f"{self.provider}/{self.upstream_model}"


class LlmOffer(models.Model):
    """An LLM that the super admin offers to one product of an account; the ceiling of access."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="llm_offers")
    product = models.CharField(max_length=16)
    llm = models.ForeignKey(Llm, on_delete=models.PROTECT, related_name="offers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("offered LLM")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product", "llm"), name="each_llm_offered_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.llm}"
