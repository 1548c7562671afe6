"""AsyncAPI 3.1: every published event with its versions, forms and schemas, from what the code declares."""

from typing import Any

import msgspec
from django.http import HttpRequest, JsonResponse

from eventstore.api.asyncapi_parts import DIALECT_NOTE, ENVELOPE, SECURITY, recorded_channel, servers
from eventstore.messages import Envelope, all_publications
from eventstore.schemas import Key, Offer, offers, read_shelves

Part = dict[str, Any]

SCHEMAS, MESSAGES = "#/components/schemas", "#/components/messages"


def document_view(request: HttpRequest) -> JsonResponse:
    """What goes out, for machines."""
    return JsonResponse(document(request.get_host(), secure=request.is_secure()))


def document(host: str, *, secure: bool = False) -> Part:
    """The AsyncAPI document of the running code."""
    schemas: Part = {"Envelope": ENVELOPE}
    messages: Part = {"recorded": _recorded(schemas)}
    channels: Part = {"recorded": recorded_channel()}
    operations: Part = {"send_recorded": _operation("recorded", ["recorded"], "Publish an event as it was recorded.")}
    made = offers(read_shelves())
    for publication in all_publications():
        channel = publication.name.replace(".", "_")
        keys = [key for key in made if key.name == publication.name and made[key].status == "published"]
        keys.sort(key=lambda key: (-key.version, key.form))
        if not keys:
            continue  # declared outside the installed apps
        names = [_message_name(key) for key in keys]
        messages |= {name: _message(key, made[key], schemas) for name, key in zip(names, keys, strict=True)}
        channels[channel] = {
            "address": f"/api/v1/events?name={publication.name}&schema_version={{version}}&form={{form}}",
            "title": publication.name,
            "description": str(made[keys[0]].schema.get("description", "")),
            "servers": [{"$ref": "#/servers/feed"}],
            "parameters": {
                "version": {"enum": [str(version) for version in publication.versions], "default": str(publication.versions[-1])},
                "form": {"enum": list(publication.forms), "default": publication.forms[0]},
            },
            "messages": {name: {"$ref": f"{MESSAGES}/{name}"} for name in names},
        }
        operations[f"send_{channel}"] = _operation(channel, names, f"Tell that {publication.name.rpartition('.')[2].replace('_', ' ')}.")
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Daybook",
            "version": "1",
            "description": f"The events that a shop's back office publishes. {DIALECT_NOTE}",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": servers(host, secure=secure),
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items())), "securitySchemes": {"key": SECURITY}},
    }


def _message_name(key: Key) -> str:
    return f"{key.name.replace('.', '_')}_v{key.version}" + ("_notification" if key.form == "notification" else "")


def _message(key: Key, offer: Offer, schemas: Part) -> Part:
    name = _message_name(key)
    return {
        "name": key.name,
        "title": str(key),
        "summary": str(offer.schema.get("description", "")),
        "contentType": "application/json",
        "headers": {"$ref": f"{SCHEMAS}/Envelope"},
        "payload": {"$ref": _publish(name, offer.schema, schemas)},
        "correlationId": {"location": "$message.header#/correlationid"},
    }


def _recorded(schemas: Part) -> Part:
    derived = msgspec.json.schema(Envelope)
    whole = {**derived["$defs"]["Envelope"], "title": "RecordedEvent"}
    return {
        "name": "recorded",
        "title": "An event as it was recorded",
        "summary": "The field `event` of a stream's entry. What `data` may hold is said by `name` and `schema_version`.",
        "contentType": "application/json",
        "payload": {"$ref": _publish("RecordedEvent", whole, schemas)},
        "correlationId": {"location": "$message.payload#/facts/correlation"},
    }


def _operation(channel: str, messages: list[str], summary: str) -> Part:
    refs = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary, "messages": refs}


def _publish(name: str, schema: Part, schemas: Part) -> str:
    """Put a schema and its inner shapes among the document's components, under names of its own; return its ref."""
    for inner, part in schema.get("$defs", {}).items():
        schemas[f"{name}_{inner}"] = _moved(part, name)
    schemas[name] = _moved({key: part for key, part in schema.items() if key not in ("$defs", "$schema")}, name)
    return f"{SCHEMAS}/{name}"


def _moved(part: Any, name: str) -> Any:
    """A schema as AsyncAPI has them: draft-07, refs into this document, nothing beside a ref."""
    match part:
        case {"$ref": str(ref), **beside}:
            here = {"$ref": f"{SCHEMAS}/{name}_{ref.removeprefix('#/$defs/')}"}
            return {"allOf": [here], **_moved(beside, name)} if beside else here
        case dict():
            told = {key: _moved(inner, name) for key, inner in part.items() if key not in ("discriminator", "prefixItems", "items")}
            if "prefixItems" in part:
                told["items"] = [_moved(inner, name) for inner in part["prefixItems"]]
                told |= {"additionalItems": _moved(part["items"], name)} if "items" in part else {}
            elif "items" in part:
                told["items"] = _moved(part["items"], name)
            return told
        case list():
            return [_moved(inner, name) for inner in part]
    return part
