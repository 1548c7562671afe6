"""Celery's doors into the ledger. Each task is one call; the work is elsewhere."""

from celery import shared_task

from ledger.handlers import expire_due


@shared_task(name="ledger.expire_holds", ignore_result=True)
def expire_holds() -> None:
    """Release the money of holds whose time is over."""
    expire_due()
