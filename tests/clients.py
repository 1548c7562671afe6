"""A client of the REST API, as tests use one."""

import itertools
import json
from typing import Any

from django.test import Client, TestCase

from eventstore.models import ApiKey

_serial = itertools.count(1)

PROBLEM = "application/problem+json"


def make_key(name: str = "shop", scopes: tuple[str, ...] = ("*",), **options: Any) -> str:
    """A key that the database knows."""
    _, key = ApiKey.objects.create_key(name=name, scopes=list(scopes), **options)
    return str(key)


class ApiClient(Client):
    """Sends its key, JSON, and a fresh Idempotency-Key with each POST unless told otherwise."""

    def __init__(self, key: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.key = key

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = "", **headers: str) -> Any:
        """`key` is the Idempotency-Key: fresh by default, None for none. Header names with _ for -."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key is not None:
            told.setdefault("authorization", f"Bearer {self.key}")
        if method == "POST" and key is not None:
            told["idempotency-key"] = key or f"test-{next(_serial)}"
        elif key:
            told["idempotency-key"] = key
        sent = body if isinstance(body, str | bytes) else json.dumps(body)
        if body is None:
            return self.generic(method, path, headers=told)
        kind = told.pop("content-type", "application/json")
        return self.generic(method, path, sent, content_type=kind, CONTENT_TYPE=kind, headers=told)

    def read(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, key=None, **headers)

    def send(self, path: str, body: Any, **options: Any) -> Any:
        return self.call("POST", path, body, **options)


class ApiCase(TestCase):
    """A test with a key and a client that uses it."""

    scopes: tuple[str, ...] = ("*",)
    key: str

    @classmethod
    def setUpTestData(cls) -> None:
        cls.key = make_key(scopes=cls.scopes)

    def setUp(self) -> None:
        self.api = ApiClient(self.key)

    def assertProblem(self, answer: Any, status: int, code: str) -> dict[str, Any]:
        """The answer is this problem; returns its document."""
        self.assertEqual((answer.status_code, answer["Content-Type"]), (status, PROBLEM), answer.content)
        told: dict[str, Any] = json.loads(answer.content)
        self.assertEqual((told["status"], told["code"], told["type"]), (status, code, f"/problems/{code}"), answer.content)
        return told
