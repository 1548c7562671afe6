"""The parts of the AsyncAPI document that all messages share: servers, what stands around a payload, how to show a key."""

from typing import Any

from eventstore.conf import conf

DIALECT_NOTE = "Payloads tolerate unknown fields: a version may gain optional ones only under a new number."

#: CloudEvents 1.0 and our extensions: the attribute, whether it is always there, its type, and where the feed has it.
ATTRIBUTES: tuple[tuple[str, bool, dict[str, Any], str], ...] = (
    ("specversion", True, {"const": "1.0"}, "CloudEvents."),
    ("id", True, {"format": "uuid"}, "A UUIDv7; the same for ever, also when it is sent again. In the feed: `id`."),
    ("type", True, {}, "The event. In the feed: `name`."),
    ("source", True, {"format": "uri-reference"}, "The app that owns it, such as /orders."),
    ("subject", True, {}, "The stream it belongs to. In the feed: `stream`."),
    ("time", True, {"format": "date-time"}, "When it was recorded. In the feed: `recorded_at`."),
    ("datacontenttype", True, {"const": "application/json"}, "Always JSON."),
    (
        "dataschema",
        True,
        {"format": "uri-reference"},
        "Its JSON Schema: /api/v1/schemas/NAME/VERSION. In the feed: `name`, `schema_version`.",
    ),
    ("sequence", True, {}, "Its version in its stream, dense from 1. In the feed: `version`."),
    ("position", True, {}, "Its place in the log. In the feed: `position`."),
    ("partitionkey", True, {}, "Events with the same key keep their order; it is the stream."),
    ("correlationid", True, {}, "All events of one story share it. In the feed: `facts.correlation`."),
    ("causationid", False, {}, "The event or request that led to it. In the feed: `facts.causation`."),
    ("idempotencykey", False, {}, "The Idempotency-Key of the request. In the feed: `facts.idempotency_key`."),
    ("effectivetime", False, {"format": "date-time"}, "When it happened. In the feed: `occurred_at`."),
    ("actor", True, {}, "Who did it. In the feed: `facts.actor`."),
    ("traceparent", False, {}, "W3C trace context. In the feed: `facts.trace`."),
    ("replayid", False, {}, "Only when it is sent again: which replay sends it."),
    ("reversesid", False, {}, "The event that this one takes back. In the feed: `facts.reverses`."),
)

ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes and extensions.",
    "required": [name for name, needed, *_ in ATTRIBUTES if needed],
    "properties": {name: {"type": "string", "description": text, **told} for name, _, told, text in ATTRIBUTES},
}

SECURITY = {"type": "http", "scheme": "bearer", "description": "manage.py create_api_key prints a key; it needs the scope events:read."}


def servers(host: str, *, secure: bool) -> dict[str, Any]:
    """Where events can be read today."""
    return {
        "feed": {
            "host": host,
            "protocol": "https" if secure else "http",
            "description": "The feed: GET with a cursor, resumable for ever, waits up to 20 seconds for what comes next.",
            "security": [{"$ref": "#/components/securitySchemes/key"}],
        },
        "streams": {
            "host": "{redis}",
            "protocol": "redis",
            "description": "Redis streams of one's own installation: one a partition, for readers within the house.",
            "variables": {"redis": {"default": "localhost:6379", "description": "Host and port of Redis or Valkey."}},
        },
    }


def recorded_channel() -> dict[str, Any]:
    """The streams of the house: every event as it was recorded, internal ones too."""
    return {
        "address": f"{conf().STREAM_PREFIX}:events:{{partition}}",
        "title": "Recorded events",
        "description": "Every event of one partition in order, as it was recorded: the newest version its writer knew, nothing left out.",
        "servers": [{"$ref": "#/servers/streams"}],
        "parameters": {"partition": {"description": f"0 to {conf().PARTITIONS - 1}, in braces: the key is a hash tag of a Cluster."}},
        "messages": {"recorded": {"$ref": "#/components/messages/recorded"}},
    }
