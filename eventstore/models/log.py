"""The rows of the log: partitions that give positions, and events that are never changed."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now


class Partition(models.Model):
    """One lane of the log. `head` is the position of its newest event; positions are dense."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    head = models.PositiveBigIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=1, help_text="Raised by an operator after the log was restored to an older point.")

    def __str__(self) -> str:
        return f"partition {self.id} at {self.head}"


#: TRUNCATE passes by triggers on rows, so a statement trigger stops it. Test databases are emptied between tests: their
#: sessions say so (config/test_settings.py), and nobody else's do.
NEVER_EMPTIED = """
IF coalesce(current_setting('daybook.log_may_be_emptied', true), '') <> 'on' THEN
    RAISE EXCEPTION 'The log is never emptied: TRUNCATE of % is refused.', TG_TABLE_NAME
        USING HINT = 'Only sessions of a test database set daybook.log_may_be_emptied = on.';
END IF;
RETURN NULL;
"""


class Event(models.Model):
    """One fact, as recorded. Insert only: triggers refuse everything else."""

    id = models.UUIDField(primary_key=True)
    partition = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField()
    stream = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    schema_version = models.PositiveSmallIntegerField()
    data = models.JSONField()
    facts = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partition", "position"], name="one_event_per_position"),
            models.UniqueConstraint(fields=["stream", "version"], name="one_event_per_stream_version"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["name", "-id"], name="events_by_name"),
            # Which versions there are, without a look at every event. Events begin at version 1 and most stay there: it costs them nothing.
            models.Index(
                fields=["name", "schema_version", "id"], condition=models.Q(schema_version__gt=1), name="events_of_later_versions"
            ),
            models.Index(KeyTextTransform("correlation", "facts"), name="events_by_correlation"),
            # What a command of a saga led to: only the few events that have such a fact are in it.
            models.Index(
                KeyTextTransform("command_id", "facts"), condition=models.Q(facts__has_key="command_id"), name="events_by_command"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="never_emptied",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func=NEVER_EMPTIED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.stream} version {self.version})"
