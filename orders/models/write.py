"""Rows that commands change: one an order, the inline snapshot of its stream."""

from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec
from django.db import IntegrityError, models

from eventstore.errors import StreamMoved
from orders.domain import OrderState, Status, orders


class OrderQuerySet(models.QuerySet["Order"]):
    def locked(self, order_id: UUID) -> "Order":
        """The order under a row lock, or a new one that nobody has saved yet."""
        return self.select_for_update(no_key=True).filter(pk=order_id).first() or Order(id=order_id)


class Order(models.Model):
    """An order as the last command left it."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=12, default=Status.NEW.value)
    currency = models.CharField(max_length=3)
    customer_ref = models.CharField(max_length=200)
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none", "" would be a reference
    pay_from = models.UUIDField(null=True, help_text="The ledger account in which money is held.")
    hold_id = models.UUIDField(null=True, help_text="What secures a confirmed order.")
    lines = models.JSONField(default=list)
    charges = models.JSONField(default=list)
    refunds = models.JSONField(default=list)
    total = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    refunded = models.DecimalField(max_digits=38, decimal_places=0, default=0)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(refunded__lte=models.F("total")), name="an_order_is_not_refunded_above_its_total"),
        ]
        # What came in through a channel is looked up by its customer; other orders do not pay for that.
        indexes: ClassVar = [
            models.Index(fields=["customer_ref"], condition=models.Q(external_id__isnull=False), name="channel_orders_by_customer"),
        ]

    def __str__(self) -> str:
        return f"order {self.id} ({self.status})"

    @property
    def stream(self) -> str:
        return orders.stream(self.id)

    @property
    def state(self) -> OrderState:
        """What the rules need to know."""
        return msgspec.convert({name: self._told(name) for name in OrderState.__struct_fields__}, OrderState)

    def keep(self, state: OrderState, version: int) -> Self:
        """Save what a command made of the order. Raises StreamMoved when another first command made its row meanwhile."""
        fresh = not self.version
        for name, value in msgspec.to_builtins(state, builtin_types=(UUID,)).items():
            setattr(self, name, value)
        self.total, self.version = state.total, version
        try:
            self.save(force_insert=fresh, force_update=not fresh)
        except IntegrityError as error:
            if fresh:
                raise StreamMoved(stream=self.stream, expected=0) from error
            raise
        return self

    def _told(self, name: str) -> Any:
        value = getattr(self, name)
        return int(value) if name == "refunded" else value
