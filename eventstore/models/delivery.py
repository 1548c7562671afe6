"""The rows of delivery: how far everyone is, and what waits because it failed."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from eventstore.clock import new_id


class RelayCheckpoint(models.Model):
    """How far a partition has been published to its stream."""

    partition = models.PositiveSmallIntegerField(primary_key=True)
    position = models.PositiveBigIntegerField(default=0)
    stopped = models.TextField(default="", blank=True, help_text="Why the relay stopped here; empty while it runs.")
    repairs = models.PositiveIntegerField(default=0, help_text="How often the stream had lost entries that were published again.")

    def __str__(self) -> str:
        return f"relay of partition {self.partition} at {self.position}"


class ConsumerState(models.Model):
    """Whether a consumer may run."""

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"

    name = models.CharField(primary_key=True, max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING.value)
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Checkpoint(models.Model):
    """How far one consumer is in one partition; moved by compare-and-set with the consumer's effects."""

    pk = models.CompositePrimaryKey("consumer", "partition")
    consumer = models.CharField(max_length=120)
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Tries begun since the position last moved.")
    careful_until = models.PositiveBigIntegerField(default=0, help_text="One event at a time up to here: a try died without a word.")
    fallbacks = models.PositiveIntegerField(default=0, help_text="Batches read from the log because the stream had a hole or was silent.")
    moved_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.consumer} in partition {self.partition} at {self.position}"


class ParkedKey(models.Model):
    """A key that waits for one consumer because an event of it failed. Later events of the key line up behind it, in the log."""

    class State(models.TextChoices):
        RETRYING = "retrying"
        DEAD = "dead"
        RESOLVED = "resolved"
        SKIPPED = "skipped"

    WAITING = (State.RETRYING.value, State.DEAD.value)

    id = models.UUIDField(primary_key=True, default=new_id)
    consumer = models.CharField(max_length=120)
    partition = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=200, help_text="The stream, or the event's id when the consumer is ordered by event.")
    position = models.PositiveBigIntegerField(help_text="The first event of the key that this consumer has not handled.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RETRYING.value)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    parked_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["consumer", "key"],
                # Values, not members: a migration must not import the class.
                condition=models.Q(state__in=["retrying", "dead"]),
                name="a_key_is_parked_once_per_consumer",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(state="retrying"), name="parked_keys_due"),
            models.Index(fields=["consumer", "partition"], condition=models.Q(state__in=["retrying", "dead"]), name="parked_keys_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.key} for {self.consumer} ({self.state})"


class FailedEvent(models.Model):
    """One event that a consumer could not handle: what went wrong, scrubbed of payload. The payload stays in the log."""

    id = models.UUIDField(primary_key=True, default=new_id)
    parked = models.ForeignKey(ParkedKey, models.CASCADE, related_name="failures")
    event_id = models.UUIDField()
    event_name = models.CharField(max_length=120)
    position = models.PositiveBigIntegerField()
    error_class = models.CharField(max_length=200)
    message = models.TextField()
    traceback = models.TextField()
    code_version = models.CharField(max_length=64)
    attempts = models.PositiveSmallIntegerField(default=1)
    first_failed_at = models.DateTimeField(db_default=Now())
    last_failed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parked", "event_id"], name="one_failure_row_per_parked_event"),
        ]

    def __str__(self) -> str:
        return f"{self.error_class}: {self.message[:80]}"


class Heartbeat(models.Model):
    """When a task of beat's timetable last ran."""

    name = models.CharField(primary_key=True, max_length=60)
    beat_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} ran at {self.beat_at:%H:%M:%S}"
