"""Dead letters over HTTP: look at them, retry, correct, skip, redirect, put away, try without consequences.

Next: eventstore/delivery/repairs does the work; many retries are a run.
"""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

import msgspec

from eventstore import runs
from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.letter_shapes import (
    Assigned,
    AssignFailures,
    DiscardDeadLetter,
    DryRunDeadLetter,
    EditDeadLetter,
    GroupsPage,
    GroupsQuery,
    HandledLetter,
    LettersPage,
    LettersQuery,
    RedirectDeadLetter,
    RestoreDeadLetter,
    RetryDeadLetter,
    RetryDeadLetters,
    SkipDeadLetter,
)
from eventstore.api.pages import Query, paginate
from eventstore.api.problems import Problem
from eventstore.api.run_shapes import ShownRun
from eventstore.api.runs import begun
from eventstore.api.views import ApiView
from eventstore.delivery import consumer_named, groups, letters, repairs
from eventstore.delivery.dry_runs import DryRun, dry_run
from eventstore.delivery.letters import Corrected, OpenedLetter
from eventstore.delivery.repairs import Acted, Wanted
from eventstore.errors import Refused
from eventstore.models import Correction, ParkedKey

Verb = Callable[[Sequence[UUID], str, Collection[UUID]], list[Acted]]


class LettersView(ApiView):
    @reads(LettersQuery, scope="ops:read", answer=LettersPage)
    def get(self, question: Question[LettersQuery]) -> Answer:
        """List dead letters, newest first."""
        query = question.query
        found = ParkedKey.objects.filter(state__in=[query.state] if query.state else ParkedKey.WAITING)
        if query.consumer:
            found = found.filter(consumer=query.consumer)
        if query.group:
            found = found.filter(pk__in=groups.keys_of(query.group))
        return Answer(body=paginate(letters.with_failures(found), query, by="id", show=letters.show))


class GroupsView(ApiView):
    @reads(GroupsQuery, scope="ops:read", answer=GroupsPage)
    def get(self, question: Question[GroupsQuery]) -> Answer:
        """List kinds of failures that keys wait for, the one with most keys first."""
        return Answer(body=GroupsPage(data=groups.groups(question.query.limit)))


class AssignView(ApiView):
    @accepts(AssignFailures, scope="ops:write", answer=Assigned)
    def post(self, wish: Wish[AssignFailures]) -> Answer:
        """Say who looks after failures of a kind."""
        group = groups.look_after(wish.command.fingerprint, assignee=wish.command.assignee, note=wish.command.note)
        return Answer(body=Assigned(fingerprint=group.fingerprint, assignee=group.assignee, note=group.note))


class RetryManyView(ApiView):
    @accepts(RetryDeadLetters, scope="ops:write", answer=ShownRun, status=202)
    def post(self, wish: Wish[RetryDeadLetters]) -> Answer:
        """Retry many in the background, as a run whose items tell what became of each."""
        asked = wish.command
        if bool(asked.ids) == bool(asked.group):
            raise Problem("validation_error", "Send `ids`, or `group`, and not both.")
        ids = [UUID(id) for id in groups.keys_of(asked.group)] if asked.group else asked.ids
        return begun(runs.redrive(ids, reason=asked.reason, rate=asked.rate))


class LetterView(ApiView):
    @reads(scope="ops:read", answer=OpenedLetter)
    def get(self, question: Question[Query], parked_id: UUID) -> Answer:
        """Read one dead letter: failures, payload, corrections, how many events wait behind it."""
        return Answer(body=letters.open_letter(find(parked_id)))


def ask_again(asked: RetryDeadLetter) -> Wanted:
    """Count the attempt in a commit of its own: a handler may take this process down. Raises Problem, Refused."""
    parked = find(asked.parked_id)
    wanted = repairs.ask_again(parked.pk, asked.reason, seen(asked.event_id))
    if wanted.claimed is None:
        raise gone(parked)
    return wanted


def ask_edited(asked: EditDeadLetter) -> tuple[Correction, Wanted]:
    """The same for an edit, whose correction stays. Raises Problem, Refused."""
    return repairs.ask_edited(find(asked.parked_id).pk, asked.data, asked.reason, seen(asked.event_id))


class RetryView(ApiView):
    @accepts(RetryDeadLetter, scope="ops:write", answer=HandledLetter, first=ask_again)
    def post(self, wish: Wish[RetryDeadLetter]) -> Answer:
        """Try a key again now, and what waits behind it."""
        return Answer(body=show(repairs.try_again(wish.begun)))


class EditView(ApiView):
    @accepts(EditDeadLetter, scope="ops:write", answer=HandledLetter, first=ask_edited)
    def post(self, wish: Wish[EditDeadLetter]) -> Answer:
        """Correct the payload of the failed event for this consumer, and try again."""
        correction, wanted = wish.begun
        acted = repairs.try_again(wanted)
        correction.refresh_from_db()
        return Answer(body=show(acted, correction))


class SkipView(ApiView):
    @accepts(SkipDeadLetter, scope="ops:write", answer=HandledLetter)
    def post(self, wish: Wish[SkipDeadLetter]) -> Answer:
        """Leave the failed event out for good; what waits behind it goes on."""
        return act(repairs.skip, wish.command)


class RedirectView(ApiView):
    @accepts(RedirectDeadLetter, scope="ops:write", answer=HandledLetter)
    def post(self, wish: Wish[RedirectDeadLetter]) -> Answer:
        """Let another consumer take the failed event, and leave it out here."""
        to = wish.command.to
        return act(lambda ids, reason, events: repairs.redirect(ids, to, reason, events), wish.command)


class DiscardView(ApiView):
    @accepts(DiscardDeadLetter, scope="ops:write", answer=HandledLetter)
    def post(self, wish: Wish[DiscardDeadLetter]) -> Answer:
        """Put a key away. Its stream stays held, so that nothing is lost when it is restored."""
        return act(repairs.discard, wish.command)


class RestoreView(ApiView):
    @accepts(RestoreDeadLetter, scope="ops:write", answer=HandledLetter)
    def post(self, wish: Wish[RestoreDeadLetter]) -> Answer:
        """Take a discarded key back."""
        return act(lambda ids, reason, events: repairs.restore(ids, reason), wish.command)


class DryRunView(ApiView):
    @accepts(DryRunDeadLetter, scope="ops:write", answer=DryRun)
    def post(self, wish: Wish[DryRunDeadLetter]) -> Answer:
        """Say what the handler would change, and change nothing."""
        parked = find(wish.command.parked_id)
        return Answer(body=dry_run(consumer_named(parked.consumer), repairs.failed_event(parked), wish.command.data))


def find(parked_id: UUID) -> ParkedKey:
    """Raises Problem."""
    if (parked := ParkedKey.objects.filter(pk=parked_id).first()) is None:
        raise Problem("dead_letter_not_found", f"No key was ever parked under the id {parked_id}.", status=404)
    return parked


def seen(event_id: UUID | None) -> tuple[UUID, ...]:
    return (event_id,) if event_id is not None else ()


def act(verb: Verb, asked: SkipDeadLetter | RedirectDeadLetter | DiscardDeadLetter | RestoreDeadLetter) -> Answer:
    """One verb on one key. Raises Problem, and Refused when the key is not as it was shown."""
    parked = find(asked.parked_id)
    (acted,) = verb([parked.pk], asked.reason, seen(getattr(asked, "event_id", None)))
    if acted.became == "gone":
        raise gone(parked)
    return Answer(body=show(acted))


def gone(parked: ParkedKey) -> Refused:
    state = ParkedKey.State(parked.state).label.lower()
    return Refused(f"The key is no longer as it was shown; it is {state} now. Read it again.", code="not_waiting", state=parked.state)


def show(acted: Acted, correction: Correction | None = None) -> HandledLetter:
    letter = letters.show(ParkedKey.objects.get(pk=acted.id))
    corrected = correction and Corrected(**{name: getattr(correction, name) for name in Corrected.__struct_fields__})
    return HandledLetter(**msgspec.structs.asdict(letter), became=acted.became, correction=corrected)  # type: ignore[arg-type]
