"""The rows of the registry: what was published of each event, by name, version and form."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from eventstore.clock import new_id


class PublishedSchema(models.Model):
    """One schema that readers may rely on. Of a published one nothing changes but its descriptions."""

    class Status(models.TextChoices):
        INTERNAL = "internal", "in the log only"
        PUBLISHED = "published", "goes outside"
        RETIRED = "retired", "goes outside no more"

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.CharField(max_length=120, help_text="The event, as it is called outside.")
    version = models.PositiveSmallIntegerField()
    form = models.CharField(max_length=12, help_text="full or notification.")
    schema = models.JSONField()
    compatibility = models.CharField(max_length=8, help_text="What the next version owes to readers.")
    status = models.CharField(max_length=9, choices=Status.choices)
    published_at = models.DateTimeField(db_default=Now())
    published_by = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "version", "form"], name="a_schema_is_published_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}, {self.form}"
