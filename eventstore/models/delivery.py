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
    begun_at = models.DateTimeField(db_default=Now(), help_text="When the newest counted try began.")
    careful_until = models.PositiveBigIntegerField(default=0, help_text="One event at a time up to here: a try died without a word.")
    fallbacks = models.PositiveIntegerField(default=0, help_text="Batches read from the log because the stream had a hole or was silent.")
    until = models.PositiveBigIntegerField(null=True, blank=True, help_text="Where a run ends; empty for those who never end.")
    handled = models.PositiveBigIntegerField(db_default=0, help_text="Events that were handed to its handlers.")
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
        DISCARDED = "discarded"

    WAITING = (State.RETRYING.value, State.DEAD.value)
    #: Later events of the key line up: a discarded key is put away, but restoring it loses nothing.
    HELD = (*WAITING, State.DISCARDED.value)

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
                condition=models.Q(state__in=["retrying", "dead", "discarded"]),
                name="a_key_is_parked_once_per_consumer",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(state="retrying"), name="parked_keys_due"),
            models.Index(
                fields=["consumer", "partition"], condition=models.Q(state__in=["retrying", "dead", "discarded"]), name="parked_keys_held"
            ),
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
    fingerprint = models.CharField(max_length=32, db_index=True, default="", help_text="Failures of one kind share it.")
    place = models.CharField(max_length=200, default="", help_text="The last line of our code that the error went through.")
    error_class = models.CharField(max_length=200)
    message = models.TextField()
    traceback = models.TextField()
    code_version = models.CharField(max_length=64)
    attempts = models.PositiveSmallIntegerField(default=1)
    skipped = models.BooleanField(default=False, help_text="Left out for good by a person.")
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


class FailureGroup(models.Model):
    """What people keep about failures of one kind: who looks after it, and what they found."""

    fingerprint = models.CharField(primary_key=True, max_length=32)
    assignee = models.CharField(max_length=150, default="", blank=True)
    note = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return self.fingerprint


class Correction(models.Model):
    """Another payload for one event, for one consumer. The event in the log stays as it is."""

    class Outcome(models.TextChoices):
        PENDING = "pending", "not tried yet"
        PROCESSED = "processed", "processed"
        FAILED = "failed", "failed again"

    id = models.UUIDField(primary_key=True, default=new_id)
    consumer = models.CharField(max_length=120)
    event_id = models.UUIDField()
    patch = models.JSONField(help_text="RFC 6902: what was changed.")
    data = models.JSONField(help_text="The payload after it.")
    reason = models.TextField()
    author = models.CharField(max_length=200)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.PENDING.value)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["consumer", "event_id", "-made_at"], name="corrections_of_event")]

    def __str__(self) -> str:
        return f"correction of {self.event_id} for {self.consumer}"


class Effect(models.Model):
    """One call to the outside, by its key: begun, done with a receipt, certainly not done, or unknown."""

    class State(models.TextChoices):
        BEGUN = "begun", "begun"
        DONE = "done", "done"
        NOT_DONE = "not_done", "not done"
        UNKNOWN = "unknown", "unknown"

    key = models.CharField(primary_key=True, max_length=300)
    state = models.CharField(max_length=8, choices=State.choices)
    receipt = models.JSONField(null=True)
    actor = models.CharField(max_length=200)
    event_id = models.CharField(max_length=40, help_text="The event whose handler called.")
    note = models.CharField(max_length=500, default="")
    begun_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["begun_at"], condition=models.Q(state__in=["begun", "unknown"]), name="effects_unresolved"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"
