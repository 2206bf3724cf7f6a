"""Data keys and sealed secrets of one schema."""

from django.db import models

from core.kit.ids import uuid7


class DataKey(models.Model):
    """The key that seals this schema's secrets, itself wrapped by the key in the environment."""

    version = models.PositiveIntegerField(primary_key=True)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"data key {self.version}"


class SealedSecret(models.Model):
    """One secret, write-only. Shown are its last four characters, who set it and when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    table = models.CharField(max_length=64)
    row = models.CharField(max_length=64)
    column = models.CharField(max_length=64)
    key_version = models.PositiveIntegerField()
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    last_four = models.CharField(max_length=4)
    sealed_at = models.DateTimeField(auto_now=True)
    sealed_by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("table", "row", "column"), name="one_secret_for_each_place"
            ),
        )

    def __str__(self) -> str:
        return f"…{self.last_four}"
