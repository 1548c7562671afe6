"""A Celery task that does nothing but say when it ran."""

import time

import redis
from celery import shared_task
from django.conf import settings

NAME = "benchmark.hop"
client = redis.Redis.from_url(settings.REDIS_URL)


@shared_task(name=NAME, ignore_result=True, acks_late=True)
def hop(key: str) -> None:
    """Here it is."""
    client.rpush(key, time.time())
