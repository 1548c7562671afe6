"""The rows of second deliveries: what is delivered again, to whom, where to, and how far it is."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from eventstore.clock import new_id


class Run(models.Model):
    """A second delivery: (which positions) x (which consumer) x (live or shadow tables) x (outside effects).

    How far it is stands in Checkpoint and ConsumerState, under `lane`, as for every consumer.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waits for approval"
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        READY = "ready", "ready to be swapped in"
        COMPLETED = "completed", "completed"
        CANCELLED = "cancelled", "cancelled"
        FAILED = "failed", "failed"

    class Target(models.TextChoices):
        LIVE = "live", "live tables"
        SHADOW = "shadow", "shadow tables"

    class Effects(models.TextChoices):
        RUN = "run", "run again"
        DENY = "deny", "refuse"
        RECEIPT = "receipt", "answer with the receipt of the first time"

    OPEN = (State.WAITING.value, State.RUNNING.value, State.PAUSED.value, State.READY.value)

    id = models.UUIDField(primary_key=True, default=new_id)
    consumer = models.CharField(max_length=120)
    target = models.CharField(max_length=6, choices=Target.choices)
    effects = models.CharField(max_length=7, choices=Effects.choices)
    selection = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING.value)
    total = models.PositiveBigIntegerField(default=0, help_text="Events selected, counted before the start.")
    rate = models.PositiveIntegerField(null=True, blank=True, help_text="Events a second at most; empty is as fast as it goes.")
    paced_until = models.DateTimeField(null=True, editable=False, help_text="With a rate: when the next events may be delivered.")
    blast = models.JSONField(default=dict, help_text="What it touches, as it was shown before the start.")
    outcome = models.JSONField(default=dict, help_text="What came of it: the row diff, the swap, why it failed.")
    reason = models.TextField()
    started_by = models.CharField(max_length=200)
    approved_by = models.CharField(max_length=200, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state"], name="runs_by_state")]

    def __str__(self) -> str:
        return f"run of {self.consumer} ({self.state})"

    @property
    def lane(self) -> str:
        """The name its checkpoints and parked keys stand under."""
        return f"run:{self.id}"

    @property
    def schema(self) -> str:
        """The schema of its shadow tables."""
        return f"shadow_{self.id.hex}"

    @property
    def is_redrive(self) -> bool:
        """Whether it retries parked keys, each listed as an item, rather than positions of the log."""
        return "parked" in self.selection

    @property
    def as_of(self) -> str:
        """The moment it stops at, if it is a look at the past; such a run is never swapped in."""
        return str(self.selection.get("past", {}).get("as_of", ""))

    def tell(self, **facts: Any) -> None:
        """Add to the outcome."""
        self.outcome = self.outcome | facts


class RunItem(models.Model):
    """One parked key of a run that retries what was shown, and what became of it."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="items")
    parked = models.ForeignKey("eventstore.ParkedKey", models.CASCADE, related_name="+")
    became = models.CharField(max_length=12, default="", help_text="Empty until it was tried.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "parked"], name="a_key_is_listed_once_in_a_run")]

    def __str__(self) -> str:
        return f"{self.parked_id} {self.became or 'waits'}"
