"""What an account admin lets nodes use: LLMs switched on, policies of LLMs, switches of features.

And what was refused because of it.

A node is named by its id only: nodes are archived, never deleted, and both products share the
engine. What an id is called is known one layer above.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.access.rules import grants as rules
from core.access.rules.decisions import Decision
from core.access.rules.keeping import decision_of, path_of_values
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path
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


class Grant(models.Model):
    """What one node says about one thing: it may be used below, or it may not.

    The thing is named by its type and id; what it is called its registry knows
    (core.access.resources). One row a node and thing: to deny replaces to allow.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    resource_type = models.CharField(max_length=40)
    resource_id = models.UUIDField()
    node_kind = models.CharField(max_length=16)
    node_id = models.UUIDField()
    is_denial = models.BooleanField(default=False)
    # From this moment on it does not count; a job takes the row away soon after.
    ends_at = models.DateTimeField(null=True, db_index=True)
    carries_llm = models.BooleanField(default=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = (
            models.UniqueConstraint(
                fields=("product", "resource_type", "resource_id", "node_id"),
                name="one_grant_a_node_and_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(is_denial=False) | models.Q(carries_llm=False),
                name="a_denial_carries_nothing",
            ),
        )
        indexes = (models.Index(fields=("product", "node_id"), name="grants_of_a_node"),)

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id} for {self.node_kind} {self.node_id}"

    def as_grant(self) -> rules.Grant:
        """Return the row as the rules take it."""
        return rules.Grant(self.is_denial, self.ends_at, self.carries_llm)


class RefusedDecision(models.Model):
    """A call that was refused, with the decision as it was made; kept for some weeks.

    Ids and names are as of then: whoever looks at it later sees what the caller ran into, also when
    the policies have changed meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    # What was asked for: its kind (`llm`, `feature`, or what grants decide about), id and name.
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    user_id = models.UUIDField()
    member_id = models.UUIDField()
    team_id = models.UUIDField(null=True)
    organization_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    caller = models.CharField(max_length=254)
    path = models.JSONField()
    decision = models.JSONField()
    policy_version = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("refused call")
        verbose_name_plural = _("refused calls")
        indexes = (
            models.Index(fields=("product", "member_id"), name="refusals_of_a_member"),
            models.Index(fields=("product", "team_id"), name="refusals_of_a_team"),
            models.Index(fields=("product", "organization_id"), name="refusals_of_an_organization"),
        )

    def __str__(self) -> str:
        return f"{self.caller}: {self.title}"

    def as_decision(self) -> Decision:
        """Return the decision as the rules made it."""
        return decision_of(self.decision)

    def as_path(self) -> Path:
        """Return the path that it was made for."""
        return path_of_values(self.path)
