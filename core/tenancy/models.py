"""The one row of an account's schema that says which version of its policy is in force."""

from django.db import models


class PolicyState(models.Model):
    """What every reservation checks first: the policy's version and whether the account is open.

    It stands in the account's schema so that the ledger's functions read it in the same round
    trip. Everything that changes who may do what bumps the version.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)
    is_suspended = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="policy_state_is_one_row"),
        )

    def __str__(self) -> str:
        return f"policy version {self.version}"
