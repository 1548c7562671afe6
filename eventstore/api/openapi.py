"""OpenAPI 3.1 from what the doors declare: the Structs that decode are the schemas that are published."""

import re
from functools import cache
from inspect import getdoc
from typing import Any

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from eventstore.api.doors import Contract
from eventstore.api.openapi_parts import SHARED
from eventstore.api.shapes import schema_of

SCHEMAS = "#/components/schemas/"
TYPES = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0}}

_in_path = re.compile(r"<(?:(\w+):)?(\w+)>")


class DoorSchema(AutoSchema):
    """Takes everything from the contract of a door and guesses nothing."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        door = getattr(self.view, method.lower(), None)
        contract: Contract | None = getattr(door, "contract", None)
        if door is None or contract is None:
            return None
        summary, _, text = (getdoc(door) or "").partition("\n")
        given = [name for _, name in _in_path.findall(path_regex)]
        operation: dict[str, Any] = {
            "operationId": name_of(contract, type(self.view).__name__),
            "tags": [type(self.view).__module__.partition(".")[0]],
            "summary": summary.rstrip("."),
            "description": f"{text.strip()}\n\nScope: `{contract.scope}`.".strip(),
            "parameters": [*path_parameters(path_regex), *headers_in(contract, method)],
            "responses": answers(contract, registry),
        }
        if contract.command is not None:
            body = publish(schema_of(contract.command, tuple(given)), registry, "Input", keep=contract.command.__name__)
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        else:
            operation["parameters"] += query_parameters(contract)
        return operation


def name_of(contract: Contract, view: str) -> str:
    """`place_order` for a command, `read_orders` for the view OrdersView."""
    words = contract.command.__name__ if contract.command else "Read" + view.removesuffix("View")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", words).lower()


def path_parameters(path_regex: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": TYPES.get(kind, {"type": "string"})}
        for kind, name in _in_path.findall(path_regex)
    ]


def headers_in(contract: Contract, method: str) -> list[dict[str, Any]]:
    """The request headers that a door understands."""
    names = []
    if contract.command is not None:
        names = ["IdempotencyKey" if method == "POST" else "IdempotencyKeyOptional"]
        names.append("IfMatch" if contract.if_match else "IfMatchOptional")
    elif contract.projection:
        names = ["MinPosition", "Prefer", "IfNoneMatch"]
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def query_parameters(contract: Contract) -> list[dict[str, Any]]:
    """Each field of the query Struct."""
    schema = schema_of(contract.query)["$defs"][contract.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": _without_null(field)}
        for name, field in schema["properties"].items()
    ]


def answers(contract: Contract, registry: ComponentRegistry) -> dict[str, Any]:
    """What may come back, by status. The document of every refusal is the same."""
    names, refusals = ["X-Request-Id"], [400, 401, 403, 404, 406, 500, 503]
    told: dict[str, Any] = {}
    if contract.command is not None:
        names += ["Location", "ETag", "Event-Position", "Idempotency-Replayed"]
        refusals += [409, 412, 413, 415, 422, *([428] if contract.if_match else [])]
    elif contract.projection:
        names += ["As-Of-Position", "ETag"]
        told["304"] = {"description": "The client has this version already."}
    if contract.command is None and "as_of" in {parameter["name"] for parameter in query_parameters(contract)}:
        refusals.append(422)  # no moment can be read in it
    done = {
        "description": (getdoc(contract.answer) or "The answer.").partition("\n")[0],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/json": {"schema": publish(_told(contract.answer), registry) if contract.answer else {}}},
    }
    told[str(contract.status)] = done
    if contract.status == 201:
        told["200"] = done | {"description": "It was already so; nothing was done."}
    return dict(sorted((told | {str(status): {"$ref": "#/components/responses/Problem"} for status in refusals}).items()))


@cache
def _told(answer: Any) -> dict[str, Any]:
    (top,), components = msgspec.json.schema_components([answer], ref_template="#/$defs/{name}")
    return {**top, "$defs": components}


def publish(schema: dict[str, Any], registry: ComponentRegistry, suffix: str = "", keep: str = "") -> dict[str, Any]:
    """Move the parts of a schema to the document's components and return what refers to them.

    A suffix sets what a request may hold (closed) apart from what an answer may hold one day (open), under one class.
    """

    def moved(part: Any) -> Any:
        match part:
            case {"$ref": str(ref)}:
                return {"$ref": SCHEMAS + named(ref.removeprefix("#/$defs/"))}
            case dict():
                return {key: moved(inner) for key, inner in part.items()}
            case list():
                return [moved(inner) for inner in part]
            case str() if "\\Z" in part:
                return part.replace("\\Z", "$")
        return part

    def named(name: str) -> str:
        return name if name == keep else name + suffix

    for name, part in schema["$defs"].items():
        component = ResolvedComponent(named(name), ResolvedComponent.SCHEMA, schema=moved(part), object=named(name))  # type: ignore[no-untyped-call]
        registry.register_on_missing(component)
    top: dict[str, Any] = moved({key: part for key, part in schema.items() if key != "$defs"})
    return top


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A parameter is absent, never null."""
    shapes = [shape for shape in field.get("anyOf", ()) if shape != {"type": "null"}]
    return shapes[0] if len(shapes) == 1 else {key: part for key, part in field.items() if key != "default" or part is not None}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: the parts that all doors share."""
    for kind, parts in SHARED.items():
        result["components"].setdefault(kind, {}).update(parts)
    result["security"] = [{"key": []}]
    return result
