"""What an account admin lets nodes use: LLMs switched on, policies of LLMs, switches of features.

A node is named by its id only: nodes are archived, never deleted, and both products share the
engine. What an id is called is known one layer above.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.access.rules.llms import LlmPolicy
from core.access.rules.switches import Switch
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


class NodeLlmPolicy(models.Model):
    """What one node says about LLMs; a node without a row inherits.

    Ids are the catalogue's. `only` is NULL where the node does not replace what it inherits, and
    empty where it allows none.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    node_id = models.UUIDField()
    only = ArrayField(models.UUIDField(), null=True)
    add = ArrayField(models.UUIDField(), default=list)
    block = ArrayField(models.UUIDField(), default=list)
    is_locked = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("LLM policy")
        verbose_name_plural = _("LLM policies")
        constraints = (
            models.UniqueConstraint(
                fields=("product", "node_id"), name="one_llm_policy_for_each_node"
            ),
        )

    def __str__(self) -> str:
        return f"{self.product}: {self.node_id}"

    def as_policy(self) -> LlmPolicy:
        """Return the row as the rules take it."""
        return LlmPolicy(
            only=None if self.only is None else frozenset(self.only),
            add=frozenset(self.add),
            block=frozenset(self.block),
            is_locked=self.is_locked,
        )


class FeatureSwitch(models.Model):
    """What one node says about one feature; a node without a row inherits."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    node_id = models.UUIDField()
    feature = models.CharField(max_length=40)
    is_on = models.BooleanField()
    is_locked = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("feature switch")
        verbose_name_plural = _("feature switches")
        constraints = (
            models.UniqueConstraint(
                fields=("product", "node_id", "feature"),
                name="one_switch_a_node_and_feature",
            ),
        )

    def __str__(self) -> str:
        return f"{self.product}: {self.feature} of {self.node_id}"

    def as_switch(self) -> Switch:
        """Return the row as the rules take it."""
        return Switch(self.is_on, self.is_locked)
