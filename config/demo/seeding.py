"""The demo's stories, carried out through the same doors as everything else. What is there already is left alone."""

import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID, uuid5

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User

from config.demo.stories import CUSTOMERS, PAYERS, Customer, Payer, Step, order_stories, paid_orders, payments
from eventstore.clock import now
from eventstore.context import acting
from eventstore.log import unit_of_work
from eventstore.messages import Value
from ledger.commands import CreditFunds, OpenAccount, WithdrawFunds
from ledger.handlers import open_account, post
from orders.handlers import handle
from orders.models import Order

#: Orders that share one COMMIT, each with all that became of it: a story is told whole or not yet.
BATCH = 25
ACTOR = "seed"
VIEWER = "viewer"
ACCOUNT_IDS = UUID("b7b1c8c2-5a3e-5c55-8f0e-2b6f3f0f9d14")


class Seeded(Value):
    """What was new."""

    orders_created: int
    orders_known: int
    accounts_opened: int
    paid_orders_created: int  #: each of them begins a process
    events_appended: int
    viewer_password: str | None  #: None when there was a viewer already


def seed(orders: int, number: int) -> Seeded:
    """Make the demo data that are not there yet."""
    created = known = events = opened = 0
    stories = iter(order_stories(orders, number))
    while batch := list(islice(stories, BATCH)):
        with unit_of_work() as work:
            fresh = list(_untold(batch))
            for story in fresh:
                _tell(story)
            told = work.event_count
        created, known, events = created + len(fresh), known + len(batch) - len(fresh), events + told
    for customer in CUSTOMERS:
        with unit_of_work() as work, acting(actor=ACTOR, correlation=f"demo-{number}:{customer.number}"):
            opened += _open_and_pay(customer, number)
            told = work.event_count
        events += told
    paid = 0
    for payer in PAYERS:
        with unit_of_work() as work, acting(actor=ACTOR):
            placed = _open_and_order(payer, number)
            told = work.event_count
        opened, paid, events = opened + bool(placed), paid + placed, events + told
    return Seeded(
        orders_created=created,
        orders_known=known,
        accounts_opened=opened,
        paid_orders_created=paid,
        events_appended=events,
        viewer_password=make_viewer(),
    )


def make_viewer() -> str | None:
    """A login that may look at everything and change nothing; its password, if it is new."""
    users = get_user_model()._default_manager
    if users.filter(username=VIEWER).exists():
        return None
    password = secrets.token_urlsafe(9)
    viewer: User = users.create_user(username=VIEWER, password=password, is_staff=True)
    ours = [app.label for app in apps.get_app_configs() if getattr(app, "scopes", ())]  # Django's own apps know no scopes
    looking = Permission.objects.filter(content_type__app_label__in=ours, codename__startswith="view_")
    viewer.user_permissions.set(looking)
    return password


def _untold(batch: Iterable[list[Step]]) -> Iterator[list[Step]]:
    stories = {story[0].command.order_id: story for story in batch}
    there: set[UUID] = set(Order.objects.filter(pk__in=stories).values_list("pk", flat=True))
    return (story for order_id, story in stories.items() if order_id not in there)


def _tell(story: list[Step]) -> None:
    with acting(actor=ACTOR, correlation=str(story[0].command.order_id)):
        for step in story:
            handle(step.command, occurred_at=now() - step.ago)


def _open_and_order(payer: Payer, number: int) -> int:
    """Open the account of a payer, put its money there and place its orders; return how many, 0 when it was there before."""
    with acting(correlation=f"demo-{number}:{payer.number}"):
        account_id, fresh = _open(payer)
        if not fresh:
            return 0
        funds = CreditFunds(
            account_id=account_id,
            amount=str(payer.holds),
            currency=payer.currency,
            counterparty=f"bank:main:{payer.currency}",
            external_id=f"demo-{number}:{payer.number}",
        )
        post(funds)
    for wanted in paid_orders(payer, account_id, number):
        with acting(correlation=str(wanted.order_id)):
            handle(wanted)
    return len(payer.totals)


def _open(customer: Customer) -> tuple[UUID, bool]:
    """The id of a customer's account, and whether it is new."""
    code = f"customer:{customer.number}:{customer.currency}"
    account_id = uuid5(ACCOUNT_IDS, code)
    _, fresh = open_account(OpenAccount(account_id=account_id, code=code, currency=customer.currency, owner_ref=customer.number))
    return account_id, fresh


def _open_and_pay(customer: Customer, number: int) -> int:
    """Open the account of a customer and post its payments; return how many accounts were new."""
    account_id, fresh = _open(customer)
    if not fresh:
        return 0
    bank = f"bank:main:{customer.currency}"
    for index, payment in enumerate(payments(customer, number), start=1):
        wanted = CreditFunds if payment.paid_in else WithdrawFunds
        post(
            wanted(
                account_id=account_id,
                amount=str(payment.amount),
                currency=customer.currency,
                counterparty=bank,
                external_id=f"demo-{number}:{customer.number}:{index}",
                effective_at=now() - payment.ago,
            )
        )
    return 1
