"""The rows of absences: what rules wait for, and the alerts they raised."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Awaited(models.Model):
    """What one rule remembers of one key: since when an event waits for its answer, until when it may."""

    pk = models.CompositePrimaryKey("rule", "key")
    rule = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    since = models.DateTimeField(null=True, blank=True)
    event_id = models.UUIDField(null=True, blank=True)
    newest = models.DateTimeField(null=True, blank=True)
    newest_id = models.UUIDField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    alert_id = models.UUIDField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["rule", "due_at"], condition=models.Q(due_at__isnull=False), name="deadlines_of_rules"),
            models.Index(fields=["answered_at"], condition=models.Q(since__isnull=True), name="answers_to_be_forgotten"),
        ]

    def __str__(self) -> str:
        return f"{self.key} for {self.rule}"


class Alert(models.Model):
    """Something did not follow in time. It stays open until it does."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        CLEARED = "cleared", "cleared"

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField(default=0)
    rule = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN.value)
    says = models.CharField(max_length=500)
    event_id = models.UUIDField(help_text="The event that nothing followed.")
    subject = models.CharField(max_length=200, help_text="Its stream.")
    subject_version = models.PositiveIntegerField()
    since = models.DateTimeField(help_text="When that event was recorded.")
    due_at = models.DateTimeField()
    raised_at = models.DateTimeField(db_default=Now())
    acknowledged_by = models.CharField(max_length=200, default="", blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, default="", blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.UUIDField(null=True, blank=True, help_text="The event that came after all.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "event_id"], name="one_alert_for_what_was_not_followed"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["raised_at"], condition=models.Q(state="open"), name="alerts_open"),
        ]

    def __str__(self) -> str:
        return self.says

    @property
    def stream(self) -> str:
        return f"alert-{self.pk}"
