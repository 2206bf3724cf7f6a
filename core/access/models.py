"""LlmActivation: which of the offered LLMs the account admin has switched on."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class LlmActivation(models.Model):
    """An LLM that is on in one product of this account.

    `llm_id` is the catalogue's id in the public schema; no foreign key crosses schemas. It counts
    only while the super admin still offers the LLM.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    llm_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("switched-on LLM")
        constraints = (
            models.UniqueConstraint(fields=("product", "llm_id"), name="each_llm_on_once"),
        )

    def __str__(self) -> str:
        return f"{self.product}: {self.llm_id}"
