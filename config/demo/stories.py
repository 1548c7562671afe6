"""What happened in the demo: orders and payments, made up from a seed. Pure: the same seed tells the same stories."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from uuid import UUID

from msgspec.structs import replace

from eventstore.messages import Value
from orders.channels.order_ids import order_id_of
from orders.commands import CancelOrder, OrderCommand, PlaceOrder, RefundOrder, UpdateOrder
from orders.events import Charge, Line

SPAN = timedelta(days=10)

#: The customer that the demo's fragile consumer cannot serve; see config/consumers.py.
POISON = "C-POISON"


class Customer(Value):
    """A shop that buys from us; its number is its name in the ledger."""

    number: str
    name: str
    currency: str


CUSTOMERS = (
    Customer(number="J1001", name="さくら商店", currency="JPY"),
    Customer(number="J1002", name="喫茶ミモザ 神保町", currency="JPY"),
    Customer(number="J1003", name="山猫文庫", currency="JPY"),
    Customer(number="J1004", name="有限会社北浜紙店", currency="JPY"),
    Customer(number="G2001", name="Hartley & Daughters, Bath", currency="GBP"),
    Customer(number="G2002", name="The Brass Kettle", currency="GBP"),
    Customer(number="U3001", name="Maple Street Provisions", currency="USD"),
    Customer(number="U3002", name="O'Hara's General Store", currency="USD"),
    Customer(number="E4001", name="Café Lumière", currency="EUR"),
    Customer(number="E4002", name="Teehaus Grünwald", currency="EUR"),
)

#: Articles with their price in yen.
ARTICLES = {
    "TEA-SENCHA-100": 1200,
    "TEA-HOUJICHA-100": 900,
    "TEA-GYOKURO-50": 2400,
    "CUP-HASAMI-WHITE": 1650,
    "POT-TOKONAME-RED": 8800,
    "TRAY-KEYAKI-30": 4200,
    "PAPER-WASHI-A4": 780,
    "FUROSHIKI-INDIGO": 1980,
}
#: Minor units of a currency for a hundred yen.
WORTH = {"JPY": 100, "EUR": 60, "USD": 66, "GBP": 52}

SECOND_THOUGHTS = ("ordered twice", "the customer changed their mind", "cannot be delivered before the holidays")
COMPLAINTS = ("arrived chipped", "the wrong colour", "お客様都合による返品")


class Payer(Customer):
    """A shop whose orders are paid from its account: what it has there, and the totals of its orders, in minor units."""

    holds: int
    totals: tuple[int, ...]


#: What becomes of their orders: the first ones are confirmed, Fenwick's second one finds no money, large ones wait for a person.
PAYERS = (
    Payer(number="J3001", name="茶房こみち", currency="JPY", holds=250_000, totals=(48_000, 36_500)),
    Payer(number="G3002", name="Fenwick Tearooms", currency="GBP", holds=40_000, totals=(31_250, 92_400)),
    Payer(number="E3003", name="Kontor Albrecht", currency="EUR", holds=2_000_000, totals=(18_990, 640_000)),
    Payer(number="U3004", name="Harbor House Hotels", currency="USD", holds=900_000, totals=(725_000,)),
)


class Step(Value):
    """Something that was wanted, and how long ago."""

    ago: timedelta
    command: OrderCommand


def order_stories(orders: int, seed: int) -> Iterator[list[Step]]:
    """The steps of each order, the oldest order first. The last one is of somebody whom a consumer stumbles over."""
    for serial in range(1, orders):
        yield _story(serial, SPAN * (orders - serial) / orders, seed)
    yield _poison(orders, seed)


def _story(serial: int, ago: timedelta, seed: int) -> list[Step]:
    chance = Random(f"{seed}:{serial}")
    placed = _place(serial, chance.choice(CUSTOMERS), chance, seed)
    steps = [Step(ago=ago, command=placed)]
    lines = placed.lines
    if chance.random() < 0.15:
        lines = (replace(lines[0], quantity=lines[0].quantity + chance.randint(1, 6)), *lines[1:])
        steps.append(Step(ago=ago * chance.uniform(0.8, 1), command=UpdateOrder(order_id=placed.order_id, lines=lines)))
    end = chance.random()
    if end < 0.08:
        reason = chance.choice(SECOND_THOUGHTS)
        steps.append(Step(ago=ago * chance.uniform(0.5, 0.8), command=CancelOrder(order_id=placed.order_id, reason=reason)))
    elif end < 0.18:
        back = replace(lines[0], quantity=chance.randint(1, lines[0].quantity))
        refund = RefundOrder(order_id=placed.order_id, refund_id=f"return-{serial}", reason=chance.choice(COMPLAINTS), lines=(back,))
        steps.append(Step(ago=ago * chance.uniform(0.2, 0.5), command=refund))
    return steps


def _place(serial: int, customer: Customer, chance: Random, seed: int) -> PlaceOrder:
    worth = WORTH[customer.currency]
    skus = chance.sample(sorted(ARTICLES), chance.choice((1, 1, 2, 2, 3, 4)))
    lines = tuple(Line(sku=sku, quantity=chance.randint(1, 24), unit_price=str(ARTICLES[sku] * worth // 100)) for sku in skus)
    postage = Charge(kind="postage", amount=str(600 * worth // 100))
    return PlaceOrder(
        order_id=order_id_of(f"demo-{seed}", serial),
        currency=customer.currency,
        customer_ref=customer.name,
        lines=lines,
        charges=(postage,) if chance.random() < 0.4 else (),
        external_id=f"demo-{seed}:{serial}",
    )


def _poison(serial: int, seed: int) -> list[Step]:
    placed = replace(_place(serial, CUSTOMERS[0], Random(f"{seed}:poison"), seed), customer_ref=POISON)
    change = UpdateOrder(order_id=placed.order_id, lines=placed.lines[:1], charges=())
    return [Step(ago=timedelta(hours=26), command=placed), Step(ago=timedelta(hours=25), command=change)]


#: Serials of paid orders begin above those of all others: lists show them first.
PAID = 1_000_000


def paid_orders(payer: Payer, account_id: UUID, seed: int) -> Iterator[PlaceOrder]:
    """The orders of a payer: one article each, so that the total is what was meant."""
    before = sum(len(other.totals) for other in PAYERS[: PAYERS.index(payer)])
    for serial, total in enumerate(payer.totals, start=PAID + before):
        yield PlaceOrder(
            order_id=order_id_of(f"demo-{seed}", serial),
            currency=payer.currency,
            customer_ref=payer.name,
            lines=(Line(sku="TEA-SENCHA-100", quantity=1, unit_price=str(total)),),
            external_id=f"demo-{seed}:{serial}",
            pay_from=account_id,
        )


class Payment(Value):
    """Money that a customer paid in, or took out again."""

    ago: timedelta
    paid_in: bool
    amount: int  # minor units


def payments(customer: Customer, seed: int) -> list[Payment]:
    """The payments of a customer, oldest first: never more out than in."""
    chance = Random(f"{seed}:{customer.number}")
    held, story = 0, []
    for day in range(9, 0, -2):
        paid_in = held == 0 or chance.random() < 0.7
        amount = (chance.randint(50, 900) * WORTH[customer.currency]) if paid_in else chance.randint(1, held)
        held += amount if paid_in else -amount
        story.append(Payment(ago=timedelta(days=day, minutes=chance.randint(0, 600)), paid_in=paid_in, amount=amount))
    return story
