"""POST /orders: a nested serializer, one transaction."""

from typing import Any

from django.db import transaction
from rest_framework import generics, serializers

from config.benchmark.floors.plain_shop.models import Line, Order


class LineSerializer(serializers.ModelSerializer):
    class Meta:
        model = Line
        fields = ("sku", "quantity", "unit_price")


class OrderSerializer(serializers.ModelSerializer):
    lines = LineSerializer(many=True)

    class Meta:
        model = Order
        fields = ("id", "status", "currency", "customer_ref", "total", "placed_at", "lines")
        read_only_fields = ("status", "total")

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Order:
        lines = validated_data.pop("lines")
        total = sum(line["quantity"] * line["unit_price"] for line in lines)
        order = Order.objects.create(total=total, **validated_data)
        Line.objects.bulk_create(Line(order=order, **line) for line in lines)
        return order


class OrdersView(generics.CreateAPIView):
    queryset = Order.objects.all()
    serializer_class = OrderSerializer
