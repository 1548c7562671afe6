"""As if time had passed: what waits for its next attempt or its deadline has waited for so much longer."""

from datetime import timedelta

from django.db.models import F

from eventstore.models import Checkpoint, ParkedKey, SagaCommand, SagaDeadline


def let_time_pass(by: timedelta, *, deadlines: bool = True) -> None:
    """Let so much time pass for attempts that were begun, parked keys, commands of sagas, and deadlines unless told otherwise.

    Nothing is delivered: that is `deliver_everything()`. Clocks stand where they stood.
    """
    Checkpoint.objects.filter(attempts__gt=0).update(begun_at=F("begun_at") - by)
    ParkedKey.objects.filter(state=ParkedKey.State.RETRYING).update(next_attempt_at=F("next_attempt_at") - by)
    SagaCommand.objects.filter(state=SagaCommand.State.WAITING).update(due_at=F("due_at") - by)
    if deadlines:
        SagaDeadline.objects.filter(state=SagaDeadline.State.WAITING).update(due_at=F("due_at") - by)
