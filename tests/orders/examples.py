"""What the stories about orders are told with."""

from uuid import UUID

from orders.commands import PlaceOrder
from orders.events import Charge, Line, OrderPlaced, OrderRefunded

ID = UUID(int=1)
HOLD = UUID(int=5)
TEA = Line(sku="TEA", quantity=2, unit_price="450")
ONE_TEA = Line(sku="TEA", quantity=1, unit_price="450")
CUP = Line(sku="CUP", quantity=6, unit_price="1200")
POSTAGE = Charge(kind="postage", amount="300")

place = PlaceOrder(order_id=ID, currency="EUR", customer_ref="ada", lines=(TEA, CUP), charges=(POSTAGE,))
placed = OrderPlaced(order_id=ID, currency="EUR", customer_ref="ada", lines=(TEA, CUP), charges=(POSTAGE,), total="8400")
refunded = OrderRefunded(order_id=ID, refund_id="r1", lines=(ONE_TEA,), amount="450", refunded_total="450", reason="chipped")
