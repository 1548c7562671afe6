"""An order and its lines."""

import uuid

from django.db import models


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=12, default="placed")
    currency = models.CharField(max_length=3)
    customer_ref = models.CharField(max_length=200, db_index=True)
    total = models.DecimalField(max_digits=38, decimal_places=0)
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "plain_shop"

    def __str__(self) -> str:
        return f"order {self.id}"


class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    sku = models.CharField(max_length=64)
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=30, decimal_places=0)

    class Meta:
        app_label = "plain_shop"

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku}"
