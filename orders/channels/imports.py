"""An export taken into the shop: invoices first, then credit notes, so that a second run decides as the first one did.

Every decision can be repeated: an invoice is always the same order, and what a credit note did stands in the log under
its number. Interrupted anywhere and run again, the end is the same. No more than a batch is in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from eventstore.context import acting
from eventstore.errors import Refused, StreamMoved
from eventstore.log import read_correlation, unit_of_work
from orders.channels.credit_notes import Claim, translate_credit_note
from orders.channels.online_retail import CHANNEL, external_id_of, refuse, refuse_contradictions, translate_invoice
from orders.channels.reports import Report, Taken
from orders.channels.retail_rows import Document, read_documents
from orders.channels.text_files import TextFile
from orders.commands import CancelOrder
from orders.domain import goods
from orders.events import OrderCancelled, OrderRefunded, total_of
from orders.handlers import handle
from orders.models.write import Order

Step = Callable[[Sequence[Document]], list[Taken]]
Progress = Callable[[int, int], object]

#: Invoices that share one COMMIT: about so many rows, at most so many invoices.
BATCH_ROWS, BATCH_INVOICES = 1000, 100
#: How often a document is tried that met another writer.
TRIES = 5


class _TakenBack(Exception):
    """A dry run is over."""


def import_file(path: Path, *, dry_run: bool = False, progress: Progress = lambda done, total: None) -> Report:
    """Take a file into the shop; a dry run does all the work in one transaction and takes it back.

    `progress(done, total)` counts bytes. Raises ValueError with a sentence when the file cannot be read at all.
    """
    file, report = TextFile(path), Report()
    if not dry_run:
        _import(file, report, progress)
        return report
    try:
        with unit_of_work():
            _import(file, report, progress)
            raise _TakenBack
    except _TakenBack:
        return report


def place(invoices: Sequence[Document]) -> list[Taken]:
    """Place the orders of several invoices in one unit of work: all are recorded or none.

    A refusal comes before anything of its invoice is written, so it spoils no other.
    """
    with unit_of_work() as work:
        return [_place(invoice, work) for invoice in invoices]


def take_back(notes: Sequence[Document]) -> list[Taken]:
    """Cancel and refund what credit notes take back, in one unit of work."""
    with unit_of_work() as work:
        return [_take_back(note, work) for note in notes]


def _import(file: TextFile, report: Report, progress: Progress) -> None:
    invoices = (document for document in read_documents(file) if not document.is_credit_note)
    for batch in _batches(_once(invoices, report)):
        _carry_out(place, batch, report)
        progress(file.position, 2 * file.size)
    notes = (document for document in read_documents(file) if document.is_credit_note)
    for note in _once(notes, report):
        _carry_out(take_back, [note], report)
        progress(file.size + file.position, 2 * file.size)
    progress(2 * file.size, 2 * file.size)


def _once(documents: Iterable[Document], report: Report) -> Iterator[Document]:
    """The documents without those that stand in the file twice: the same money must not be counted twice."""
    seen: set[int] = set()  # grows with the file, by one integer a document
    for document in documents:
        if document.number and document.serial in seen:
            reason = f"{document.number} stands further up in the file already; the rows of a document must follow each other"
            report.add(Taken(document=document, outcomes=[refuse(row, reason) for row in document.rows]))
            continue
        seen.add(document.serial)
        yield document


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    rows = 0
    for document in documents:
        batch.append(document)
        rows += len(document.rows)
        if rows >= BATCH_ROWS or len(batch) >= BATCH_INVOICES:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _carry_out(step: Step, documents: Sequence[Document], report: Report, tries: int = TRIES) -> None:
    """Account for documents after their COMMIT. When another writer came between, they are tried again one by one."""
    try:
        taken = step(documents)
    except StreamMoved:
        if tries == 1:
            raise
        for document in documents:
            _carry_out(step, [document], report, tries - 1)
        return
    for each in taken:
        report.add(each)


def _place(invoice: Document, work: unit_of_work) -> Taken:
    command, outcomes = translate_invoice(invoice)
    if command is None:
        return Taken(document=invoice, outcomes=outcomes)
    before = work.event_count
    try:
        with _speaking_for(invoice):
            order = handle(command, occurred_at=invoice.at)
    except Refused as refusal:
        return Taken(document=invoice, outcomes=[refuse(row, str(refusal)) for row in invoice.rows])
    created = work.event_count - before
    return Taken(document=invoice, outcomes=outcomes, events=created, created=created, known=1 - created, ordered=int(order.total))


def _take_back(note: Document, work: unit_of_work) -> Taken:
    if contradictions := refuse_contradictions(note):
        return Taken(document=note, outcomes=contradictions)
    # The locks come first: an import beside this one that takes the same note back has then committed, or waits for us.
    claims = list(_claims(note.customer))
    done = list(_done_before(note))
    commands, outcomes = translate_credit_note(note, done, claims)
    cancelled = sum(claim.worth for claim in done if claim.whole)
    refunded = sum(claim.worth for claim in done if not claim.whole)
    for command in commands:
        with _speaking_for(note):
            order = handle(command, occurred_at=note.at)
        if isinstance(command, CancelOrder):
            cancelled += int(order.total)
        else:
            refunded += total_of(command.lines, command.charges)
    return Taken(document=note, outcomes=outcomes, events=len(commands), cancelled=cancelled, refunded=refunded)


def _done_before(note: Document) -> Iterator[Claim]:
    """What a credit note took back when it was read before."""
    for envelope in read_correlation(external_id_of(note.number)):
        match envelope.event:
            case OrderCancelled() as event:
                order = Order.objects.get(pk=event.order_id).state
                yield Claim(order_id=event.order_id, serial=0, left=goods(order.lines, order.charges), whole=True)
            case OrderRefunded() as event:
                yield Claim(order_id=event.order_id, serial=0, left=goods(event.lines, event.charges), whole=False)


def _claims(customer: str) -> Iterator[Claim]:
    """The orders of a customer that a credit note may take back, locked until COMMIT in an order that all writers share."""
    found = Order.objects.filter(customer_ref=customer, status="placed", external_id__regex=rf"^{external_id_of('')}\d+$")
    for order in found.order_by("pk").select_for_update(no_key=True):
        state = order.state
        serial = int(str(order.external_id).removeprefix(external_id_of("")))
        yield Claim(order_id=order.pk, serial=serial, left=state.left, whole=not state.refunds)


def _speaking_for(document: Document) -> AbstractContextManager[None]:
    """The facts of what a document causes: its number is the id of the story, and under it the story is found again."""
    return acting(actor=f"channel:{CHANNEL}", correlation=external_id_of(document.number))
