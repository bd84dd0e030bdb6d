"""GitHub's own description of its API: which operation a request is, and whether it and the answer are as described."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from .emulate import MODULES

DESCRIPTION = MODULES / "@octokit/openapi/generated/api.github.com.json"
# Parameters that may hold slashes.
_DEEP = {"ref", "path", "branch", "basehead"}


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    template: str  # "/repos/{owner}/{repo}/git/ref/{ref}"
    id: str  # "git/get-ref"
    description: dict[str, Any]


# What GitHub answers although its description does not say so: the repository of a head whose fork was deleted.
_SEEN = ("head/repo: None is not of type 'object'",)


class OpenApi:
    """Loaded once; a validator is made when an operation is first used."""

    def __init__(self, path: Path = DESCRIPTION) -> None:
        self._document = json.loads(path.read_bytes())
        self._validators: dict[tuple[str, ...], Draft4Validator | None] = {}

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        def pattern(template: str) -> str:
            parts = re.split(r"\{(\w+)\}", template)
            return "".join(
                (f"(?P<{part}>.{'*' if part == 'path' else '+'})" if part in _DEEP else f"(?P<{part}>[^/]+)")
                if odd % 2
                else re.escape(part)
                for odd, part in enumerate(parts)
            )

        def order(template: str) -> tuple[int, list[bool]]:
            # The more fixed text the better, and the earlier: `/pulls/comments/{id}` before `/pulls/{number}/comments`.
            free = [part.startswith("{") for part in template.split("/")]
            return -free.count(False), free

        templates = sorted(self._document["paths"], key=order)
        return [(re.compile(pattern(one)), one) for one in templates]

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation and the parameters of the path (still percent-encoded), or None where there is none."""
        for pattern, template in self._patterns:
            found = pattern.fullmatch(path)
            described = self._document["paths"][template].get(method.lower()) if found else None
            if found and described:
                return Operation(method, template, described["operationId"], described), found.groupdict()
        return None

    def request_errors(self, operation: Operation, query: dict[str, str], body: Any) -> list[str]:
        """What is wrong with a request."""
        errors = [
            f"query {name}={value!r}: {self._parameter(operation, name, value)}"
            for name, value in query.items()
            if self._parameter(operation, name, value)
        ]
        described = operation.description.get("requestBody")
        if body is None:
            return errors + (["a body is required"] if described and described.get("required") else [])
        if isinstance(body, list) and operation.id in ("issues/add-labels", "issues/set-labels"):
            body = {"labels": body}  # allowed in the description's words, not by its schema
        if not described:
            return [*errors, "this operation takes no body"] if body else errors
        return errors + self._check(("request", operation.id), self._json_schema(described), body)

    def response_errors(self, operation: Operation, status: int, body: Any) -> list[str]:
        """What is wrong with an answer."""
        described = operation.description["responses"].get(str(status))
        if described is None:
            return [] if status >= 400 else [f"status {status} is not described"]
        schema = self._json_schema(self._resolve(described))
        if schema is None or (body is None and status < 300 and schema is None):
            return []
        errors = self._check(("response", operation.id, str(status)), schema, body)
        return [error for error in errors if not error.endswith(_SEEN)]

    def schema_errors(self, name: str, body: Any) -> list[str]:
        """What is wrong with an object of components/schemas."""
        return self._check(("schema", name), {"$ref": f"#/components/schemas/{name}"}, body)

    def _parameter(self, operation: Operation, name: str, value: str) -> str | None:
        for one in map(self._resolve, operation.description.get("parameters", [])):
            if one["in"] != "query" or one["name"] != name:
                continue
            schema = self._resolve(one["schema"])
            if schema.get("type") == "integer":
                return None if re.fullmatch(r"-?\d+", value) else "a whole number is needed"
            if "enum" in schema and value not in schema["enum"]:
                return f"none of {', '.join(map(str, schema['enum']))}"
            return None
        return "no such parameter"

    def _resolve(self, described: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in described:
            target: Any = self._document
            for part in described["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            described = target
        return described

    def _json_schema(self, described: dict[str, Any]) -> dict[str, Any] | None:
        for kind, content in described.get("content", {}).items():
            if "json" in kind and "schema" in content:
                schema: dict[str, Any] = content["schema"]
                return schema
        return None

    def _check(self, key: tuple[str, ...], schema: dict[str, Any] | None, body: Any) -> list[str]:
        if key not in self._validators:
            self._validators[key] = Draft4Validator(self._closed(schema, ())) if schema else None
        validator = self._validators[key]
        if validator is None:
            return []
        errors = sorted(validator.iter_errors(body), key=lambda error: (len(error.absolute_path), str(error.message)))
        return [f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}" for error in errors[:5]]

    def _closed(self, schema: Any, within: tuple[str, ...]) -> Any:
        """The schema with its references put in and `nullable` turned into JSON Schema. Cycles end in "anything"."""
        if isinstance(schema, list):
            return [self._closed(one, within) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            name = schema["$ref"]
            return {} if name in within else self._closed(self._resolve({"$ref": name}), (*within, name))
        closed = {
            name: {key: self._closed(one, within) for key, one in value.items()}
            if name == "properties"
            else value
            if name in ("enum", "example", "examples", "default", "description", "format")
            else self._closed(value, within)
            for name, value in schema.items()
            if name not in ("example", "examples", "format", "description")
        }
        if closed.pop("nullable", False):
            return {"anyOf": [{"type": "null"}, closed]}
        return closed
