"""The rows of approvals: one each, as the last command left it."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Approval(models.Model):
    """A question to a second person, bound to one version of a stream."""

    class State(models.TextChoices):
        NEW = "new", "new"
        PENDING = "pending", "pending"
        GRANTED = "granted", "granted"
        REFUSED = "refused", "refused"
        EXPIRED = "expired", "expired"
        WITHDRAWN = "withdrawn", "withdrawn"

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=9, choices=State.choices, default=State.NEW.value)
    subject = models.CharField(max_length=200, default="", help_text="The stream that is approved.")
    subject_version = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=list)
    needed = models.PositiveSmallIntegerField(default=1, help_text="How many people have to agree.")
    requested_by = models.CharField(max_length=200, default="")
    due_at = models.DateTimeField(null=True, blank=True)
    facts = models.JSONField(default=dict, help_text="What whoever decides should know.")
    granted_by = models.JSONField(default=list)
    why = models.TextField(default="", help_text="The last word on it.")
    requested_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                # Values, not members: a migration must not import the class.
                fields=["subject", "reasons"],
                condition=models.Q(state="pending"),
                name="a_question_waits_once_for_an_answer",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(state="pending"), name="approvals_due"),
            models.Index(fields=["subject"], name="approvals_by_subject"),
        ]

    def __str__(self) -> str:
        return f"approval of {self.subject} version {self.subject_version} ({self.state})"
