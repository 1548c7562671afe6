"""The rows of sagas: what each remembers, which commands it has sent, and until when it waits."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class SagaInstance(models.Model):
    """One process: the newest memory of a saga about one key. Everything here follows from its stream."""

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPENSATING = "compensating"
        FINISHED = "finished"

    id = models.UUIDField(primary_key=True, help_text="Follows from saga and key.")
    saga = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RUNNING.value)
    outcome = models.CharField(max_length=120, default="", help_text="How it ended.")
    state = models.JSONField(default=dict, help_text="What its reactions remember.")
    trouble = models.TextField(default="", help_text="Why a person should look; empty while nothing is wrong.")
    started_by = models.CharField(max_length=120, default="", help_text="The name of the event that started it.")
    correlation = models.CharField(max_length=200, default="")
    steps = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0, help_text="Of its stream.")
    started_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    urgency = models.GeneratedField(
        expression=models.Case(
            models.When(~models.Q(trouble=""), then=3),
            models.When(status="compensating", then=2),
            models.When(status="running", then=1),
            default=0,
        ),
        output_field=models.PositiveSmallIntegerField(),
        db_persist=True,
        help_text="What people look at first: 3 in trouble, 2 on its way back, 1 running, 0 over.",
    )

    class Meta:
        verbose_name = "saga"
        constraints: ClassVar = [models.UniqueConstraint(fields=["saga", "key"], name="one_saga_per_name_and_key")]
        # Neither moves with a step: most steps change no column of an index.
        indexes: ClassVar = [
            models.Index(fields=["urgency", "started_at", "id"], name="sagas_by_urgency"),
            models.Index(fields=["saga", "urgency", "started_at", "id"], name="sagas_by_name_and_urgency"),
        ]

    def __str__(self) -> str:
        return f"{self.saga} of {self.key} ({self.status})"

    @property
    def stream(self) -> str:
        return f"saga-{self.id}"


class SagaStep(models.Model):
    """One event that a saga has taken, in this step or, when nothing followed, after it. Taken again it changes nothing."""

    pk = models.CompositePrimaryKey("saga_id", "event_id")
    saga = models.ForeignKey(SagaInstance, models.CASCADE, related_name="taken")
    event_id = models.UUIDField()
    number = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"step {self.number} took {self.event_id}"


class SagaCommand(models.Model):
    """A command that a saga sent. It waits here until it was carried out, in the order in which it was sent."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"
        ABANDONED = "abandoned"

    id = models.UUIDField(primary_key=True, help_text="Follows from saga, step and place: a repeated step sends nothing twice.")
    saga = models.ForeignKey(SagaInstance, models.CASCADE, related_name="commands")
    step = models.PositiveIntegerField()
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    data = models.JSONField()
    cause = models.UUIDField(help_text="The event of the step that sent it.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING.value)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    note = models.TextField(default="", help_text="Why it was refused, what went wrong the last time, or who settled it.")
    sent_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["saga", "step", "number"], name="a_step_sends_each_command_once")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="saga_commands_due"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of step {self.step} ({self.state})"


class SagaDeadline(models.Model):
    """How long a saga waits for something. That it passed is an event."""

    class State(models.TextChoices):
        WAITING = "waiting"
        PASSED = "passed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True)
    saga = models.ForeignKey(SagaInstance, models.CASCADE, related_name="deadlines")
    name = models.CharField(max_length=120)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING.value)
    step = models.PositiveIntegerField(help_text="The step that set it.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["saga", "name"], condition=models.Q(state="waiting"), name="a_deadline_waits_once")
        ]
        indexes: ClassVar = [models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="saga_deadlines_due")]

    def __str__(self) -> str:
        return f"{self.name} at {self.due_at:%Y-%m-%d %H:%M:%S} ({self.state})"
