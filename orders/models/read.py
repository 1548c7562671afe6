"""Rows that projections fill: what the outside may ask about orders."""

from typing import ClassVar

from django.db import models


class OrderSummary(models.Model):
    """One line of the order list."""

    order_id = models.UUIDField(primary_key=True)
    status = models.CharField(max_length=12)
    currency = models.CharField(max_length=3)
    customer_ref = models.CharField(max_length=200)
    line_count = models.PositiveIntegerField(default=0)
    total = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    refunded = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    placed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    version = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "order summaries"
        indexes: ClassVar = [
            models.Index(fields=["status", "-order_id"], name="orders_by_status"),
            models.Index(fields=["customer_ref", "-order_id"], name="orders_by_customer"),
        ]

    def __str__(self) -> str:
        return f"order {self.order_id}"


class OrderDetail(models.Model):
    """Everything about one order."""

    order_id = models.UUIDField(primary_key=True)
    status = models.CharField(max_length=12)
    currency = models.CharField(max_length=3)
    customer_ref = models.CharField(max_length=200)
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none", "" would be a reference
    pay_from = models.UUIDField(null=True)
    hold_id = models.UUIDField(null=True)
    lines = models.JSONField(default=list)
    charges = models.JSONField(default=list)
    refunds = models.JSONField(default=list)
    total = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    refunded = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    cancel_reason = models.CharField(max_length=200, default="")
    reject_reason = models.CharField(max_length=200, default="")
    placed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"order {self.order_id}"


class TimelineEntry(models.Model):
    """One sentence of an order's history."""

    event_id = models.UUIDField(primary_key=True)
    order_id = models.UUIDField()
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    sentence = models.CharField(max_length=300)
    actor = models.CharField(max_length=200)
    happened_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "timeline entries"
        indexes: ClassVar = [models.Index(fields=["order_id", "version"], name="timeline_of_order")]

    def __str__(self) -> str:
        return self.sentence
