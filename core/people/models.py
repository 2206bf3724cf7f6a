"""PeopleJob and its rows: something done to many people, one row at a time, and how far it is.

A row's state is written in the transaction that does the row's work, so a worker that dies at any
point leaves nothing half done and nothing to be done twice.
"""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class JobKind(models.TextChoices):
    """What is done to each row."""

    IMPORT = "import", _("Import")
    PLACE = "place", _("Add to a place")
    UNPLACE = "unplace", _("Remove from a place")
    ARCHIVE = "archive", _("Take the seat away")
    RESTORE = "restore", _("Give the seat back")
    INVITE = "invite", _("Send invitations")


class JobState(models.TextChoices):
    """Draft: to be set up. Checking: being read. Ready: to be confirmed. Running, done, dropped."""

    DRAFT = "draft", _("Draft")
    CHECKING = "checking", _("Checking")
    READY = "ready", _("Ready")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    DROPPED = "dropped", _("Dropped")


ACTIVE_STATES = (JobState.CHECKING, JobState.RUNNING)


class PeopleJob(models.Model):
    """One import, or one act on a selection of members, by one person, in one product.

    It is done within what that person administers at the time. `source` is the uploaded text until
    the job is done, `counted` are the rows so far by outcome.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    kind = models.CharField(max_length=8, choices=JobKind.choices)
    state = models.CharField(max_length=8, choices=JobState.choices, default=JobState.DRAFT)
    title = models.CharField(max_length=200)
    options: "models.JSONField[dict[str, Any]]" = models.JSONField(default=dict)
    actor: "models.JSONField[dict[str, str]]" = models.JSONField()
    user_id = models.UUIDField()
    source = models.TextField(blank=True)
    total = models.PositiveIntegerField(default=0)
    counted: "models.JSONField[dict[str, int]]" = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When a worker last showed that it is at it.
    touched_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("people job")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(
                fields=("touched_at",),
                condition=models.Q(state__in=("checking", "running")),
                name="people_jobs_at_work",
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=JobState.values), name="people_job_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=JobKind.values), name="people_job_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_at_work(self) -> bool:
        """Whether a worker has something to do for it."""
        return self.state in ACTIVE_STATES

    @property
    def settled(self) -> int:
        """How many rows of the present step are through."""
        return sum(self.counted.values())


class RowState(models.TextChoices):
    """Waiting rows are still to be done; the others are final."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class RowOutcome(models.TextChoices):
    """What becomes of a row, or became of it."""

    NEW = "new", _("New")
    CHANGED = "changed", _("Changed")
    UNCHANGED = "unchanged", _("Unchanged")
    ERROR = "error", _("Error")


class PeopleJobRow(models.Model):
    """One line of a file, or one member of a selection, with what became of it."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(
        PeopleJob, on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    number = models.PositiveIntegerField()
    cells: "models.JSONField[dict[str, str]]" = models.JSONField()
    state = models.CharField(max_length=8, choices=RowState.choices, default=RowState.WAITING)
    outcome = models.CharField(max_length=9, choices=RowOutcome.choices)
    note = models.CharField(max_length=300, blank=True)
    member_id = models.UUIDField(null=True)
    # For rows that an invitation goes out for: null until it has been mailed.
    to_mail = models.BooleanField(default=False)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("row of a people job")
        ordering = ("job", "number")
        indexes: ClassVar = [
            models.Index(
                fields=("job", "number"),
                condition=models.Q(state="waiting"),
                name="people_rows_waiting",
            ),
            models.Index(fields=("job", "outcome", "number"), name="people_rows_by_outcome"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("job", "number"), name="each_people_row_once"),
        ]

    def __str__(self) -> str:
        return f"row {self.number}"
