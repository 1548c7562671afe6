"""What went wrong with one event: kept without its payload, and grouped with failures of its kind."""

import logging
import traceback
from hashlib import blake2b
from pathlib import Path

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from eventstore.messages import Envelope
from eventstore.models import FailedEvent, ParkedKey
from eventstore.scrubbing import scrub

log = logging.getLogger(__name__)


def record(parked: ParkedKey, envelope: Envelope, error: BaseException, *, skipped: bool = False) -> None:
    """Write a failure down, in the transaction that lets its key wait."""
    place = place_of(error)
    told: dict[str, object] = {
        "fingerprint": fingerprint_of(parked.consumer, envelope.name, type(error).__name__, place),
        "place": place,
        "error_class": type(error).__name__,
        "message": scrub(str(error))[:2000],
        "traceback": scrub("".join(traceback.format_exception(error)))[-8000:],
        "code_version": settings.CODE_VERSION,
        "skipped": skipped,
        "last_failed_at": Now(),
    }
    row, fresh = FailedEvent.objects.get_or_create(
        parked=parked, event_id=envelope.id, defaults={"event_name": envelope.name, "position": envelope.position} | told
    )
    if not fresh:
        FailedEvent.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1, **told)
    where = {"consumer": parked.consumer, "partition": parked.partition, "position": envelope.position, "key": parked.key}
    which = {"event_id": str(envelope.id), "event_name": envelope.name, "correlation": envelope.correlation}
    what = {"attempt": parked.attempts, "state": str(parked.state), "error_class": told["error_class"], "reason": told["message"]}
    log.warning("event_failed", extra=where | which | what)


def place_of(error: BaseException) -> str:
    """The last place in our own code that an error went through, as file:function; the line would change with every edit."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    beyond_engine = [frame for frame in ours if "/eventstore/" not in frame.filename] or ours
    if not beyond_engine:
        return ""
    return f"{Path(beyond_engine[-1].filename).relative_to(settings.BASE_DIR)}:{beyond_engine[-1].name}"[:200]


def _is_ours(filename: str) -> bool:
    return filename.startswith(str(settings.BASE_DIR)) and "site-packages" not in filename


def fingerprint_of(consumer: str, event_name: str, error_class: str, place: str) -> str:
    """What failures of one kind share: who, on what, which error, where in our code. Not the message: it quotes values."""
    return blake2b("\0".join((consumer, event_name, error_class, place)).encode(), digest_size=16).hexdigest()
