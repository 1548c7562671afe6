"""The parts of the OpenAPI document that all doors share: headers, the problem document, how to show a key."""

from typing import Any

from eventstore.api.problems import MEDIA_TYPE


def _header(name: str, what: str, *, required: bool = False, example: str = "", **schema: Any) -> dict[str, Any]:
    told = {"name": name, "in": "header", "required": required, "description": what, "schema": {"type": "string", **schema}}
    return told | ({"example": example} if example else {})


def _told(what: str) -> dict[str, Any]:
    return {"description": what, "schema": {"type": "string"}}


_KEY = "One for each new intention. A repetition with the same body gets the same answer for seven days."
_IF_MATCH = "The ETag that the change is meant for; a newer version answers 412."

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Refusals of business rules have further members that say why.",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; decide by it."},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body: #/lines/0/quantity."},
                    "parameter": {"type": "string", "description": "The query parameter or header."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}

SHARED: dict[str, dict[str, Any]] = {
    "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "manage.py create_api_key prints one."}},
    "schemas": {"Problem": PROBLEM},
    "responses": {
        "Problem": {
            "description": "Refused, or not possible now; see `code`.",
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
    "parameters": {
        "IdempotencyKey": _header("Idempotency-Key", _KEY, required=True, example="8e03978e-40d5-43e8-bc93-6894a57f9324", maxLength=257),
        "IdempotencyKeyOptional": _header("Idempotency-Key", _KEY, maxLength=257),
        "IfMatch": _header("If-Match", _IF_MATCH, required=True, example='"1"'),
        "IfMatchOptional": _header("If-Match", _IF_MATCH),
        "IfNoneMatch": _header("If-None-Match", "The ETag that the client has; the same version answers 304."),
        "MinPosition": _header("Min-Position", "An Event-Position: the answer is at least that fresh, or 503 projection_behind."),
        "Prefer": _header("Prefer", "How long Min-Position may be waited for, at most 10 s.", example="wait=2"),
    },
    "headers": {
        "X-Request-Id": _told("The id of the request: echoed, or made here."),
        "Location": _told("Where the thing can be read."),
        "ETag": _told("The version, for If-Match and If-None-Match."),
        "Event-Position": _told("Where the events stand; send it back as Min-Position to read what was written."),
        "Idempotency-Replayed": _told("`true` when this is the answer of an earlier request with the same key."),
        "As-Of-Position": _told("How far the read table was."),
    },
}
