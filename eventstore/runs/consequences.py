"""Whom a second delivery reaches beyond its consumer: whoever takes what followed when the consumer took such events before.

A handler is free to record what it likes, so nobody can say beforehand what it will; what it did is in the log.
"""

from collections import defaultdict

import msgspec
from django.db import connection

from eventstore.delivery import Consumer, interested_in
from eventstore.runs.selections import Selection

SAMPLE = 50  #: the newest events of a selection whose stories are read
MOST = 5_000  #: events of these stories

# A story has one correlation, and that is indexed; who caused what is sorted out here.
STORIES = """
WITH sample AS MATERIALIZED (
    SELECT id, facts ->> 'correlation' AS correlation FROM eventstore_event WHERE {condition} ORDER BY id DESC LIMIT %s)
SELECT e.id::text, e.name, e.facts ->> 'causation', e.facts ->> 'actor', EXISTS (SELECT 1 FROM sample s WHERE s.id = e.id)
FROM eventstore_event e WHERE e.facts ->> 'correlation' IN (SELECT correlation FROM sample) ORDER BY e.id DESC LIMIT %s
"""


class Reach(msgspec.Struct, frozen=True):
    """What followed before, and who takes that."""

    events: list[str]  #: names
    consumers: list[Consumer]


def reach_of(consumer: Consumer, selection: Selection) -> Reach:
    """Read the stories of the newest selected events. Costs two index scans, however much is selected."""
    condition, values = selection.condition(tuple(consumer.handlers))
    with connection.cursor() as cursor:
        cursor.execute(STORIES.format(condition=condition), [*values, SAMPLE, MOST])
        rows = cursor.fetchall()
    ours = {f"{kind}:{consumer.name}" for kind in ("consumer", consumer.kind)}
    names = {id: name for id, name, *_ in rows}
    caused: defaultdict[str, list[str]] = defaultdict(list)
    for id, _, causation, *_ in rows:
        caused[causation].append(id)
    sampled = {id for id, *_, is_sampled in rows if is_sampled}
    following = [id for id, _, causation, actor, _ in rows if actor in ours and causation in sampled]
    found: set[str] = set()
    while following:
        id = following.pop()
        if id not in found:
            found.add(id)
            following += caused[id]
    events = sorted({names[id] for id in found})
    return Reach(events, interested_in(events))
