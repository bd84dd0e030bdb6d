"""GraphQL, as far as a bot needs it: checked against GitHub's schema, run by graphql-core, on the same state.

There is no compare-and-swap of a branch in the REST API; `updateRefs` is one. Nor can REST make a draft of a pull
request, or the reverse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import graphql
from graphql import language as ast

from . import pull_routes
from .emulate import MODULES
from .wire import Answer, ApiError, Call, Request
from .world import Repo, Token, World, at_least

_SCHEMA = MODULES / "@octokit/graphql-schema/schema.graphql"
_BLOCK = re.compile(
    r"^(?:type|input|enum|scalar|interface|union) (\w+)[^{\n]*(?:\{\n.*?^\}|\n(?:  \|.*\n)*)", re.MULTILINE | re.DOTALL
)
_ZERO = "0" * 40
PATH = "/graphql"


def operation(request: Request) -> str:
    """How a GraphQL request is called in the record: "graphql/updateRefs", by its first field."""
    query = request.body.get("query", "") if request.path == PATH and isinstance(request.body, dict) else ""
    field = re.search(r"\{\s*(\w+)", query)
    return f"graphql/{field[1]}" if field else ""


class GraphQL:
    """One endpoint. The schema has sixty thousand lines: only what a document names of it is built."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._text: dict[str, str] = {}
        self._schemas: dict[str, graphql.GraphQLSchema] = {}

    def answer(self, request: Request, call: Call, actor: Token | None) -> tuple[Answer, list[str]]:
        """(the answer, what is wrong with the request)."""
        if actor is None:
            raise ApiError(401, "This endpoint requires you to be authenticated.")
        query, variables = (request.body or {}).get("query", ""), (request.body or {}).get("variables")
        try:
            document = graphql.parse(query)
        except graphql.GraphQLError as error:
            return _errors([error]), [str(error)]
        schema = self._schema(query, document)
        wrong = graphql.validate(schema, document)
        if wrong:
            return _errors(wrong), [one.message for one in wrong]
        operation = next(one for one in document.definitions if isinstance(one, ast.OperationDefinitionNode))
        fields = [one.name.value for one in operation.selection_set.selections if isinstance(one, ast.FieldNode)]
        root = _Root(self._world, actor)
        result = graphql.execute_sync(
            schema, document, {name: getattr(root, name) for name in fields}, variable_values=variables
        )
        if result.errors:
            unset = [one.message for one in result.errors if one.path is None]  # variables of a wrong type
            return _errors(result.errors, result.data), unset
        call.applied = operation.operation is ast.OperationType.MUTATION
        return Answer(200, {"data": result.data}), []

    def _schema(self, query: str, document: ast.DocumentNode) -> graphql.GraphQLSchema:
        if query not in self._schemas:
            if not self._text:
                plain = re.sub(r'"""(?:.|\n)*?"""', "", _SCHEMA.read_text())
                self._text = {found[1]: found[0] for found in _BLOCK.finditer(plain)}
            definitions = ast.DocumentNode(definitions=tuple(self._parts(set(re.findall(r"\w+", query)))))
            self._schemas[query] = graphql.build_ast_schema(definitions, assume_valid=True)
        return self._schemas[query]

    def _parts(self, words: set[str]) -> Iterator[ast.TypeDefinitionNode]:
        """The types that a document reaches, each with the fields that it names."""
        todo, seen = ["Query", "Mutation"], set()
        while todo:
            name = todo.pop()
            if name in seen or name not in self._text:
                continue
            seen.add(name)
            (node,) = graphql.parse(self._text[name]).definitions
            assert isinstance(node, ast.TypeDefinitionNode)
            if isinstance(node, (ast.ObjectTypeDefinitionNode, ast.InterfaceTypeDefinitionNode)):
                node.interfaces = ()
                node.fields = tuple(one for one in node.fields if one.name.value in words)
                todo += [_name(arg.type) for one in node.fields for arg in one.arguments]
            todo += [_name(one.type) for one in getattr(node, "fields", ())]
            yield node


def _name(node: ast.TypeNode) -> str:
    while not isinstance(node, ast.NamedTypeNode):
        node = node.type  # type: ignore[attr-defined]
    return node.name.value


def _errors(errors: list[graphql.GraphQLError], data: Any = None) -> Answer:
    """As GitHub words them, with status 200."""
    said = [
        {
            "type": getattr(one.original_error, "kind", "UNPROCESSABLE"),
            "path": one.path or [],
            "locations": [{"line": at.line, "column": at.column} for at in one.locations or ()],
            "message": one.message,
        }
        for one in errors
    ]
    return Answer(200, {"data": data, "errors": said})


class _Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Root:
    """What the fields of queries and mutations give."""

    def __init__(self, world: World, actor: Token) -> None:
        self._world, self._actor = world, actor

    @property
    def viewer(self) -> dict[str, Any]:
        return {"login": self._actor.login}

    def updateRefs(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        repo = self._repo(input["repositoryId"])
        self._may(repo, "contents", "write")
        # All or nothing, as GitHub does it: looked at first, moved then.
        moves = [self._move(repo, one) for one in input["refUpdates"]]
        for move in moves:
            move()
        return {"clientMutationId": input.get("clientMutationId")}

    def _move(self, repo: Repo, update: dict[str, Any]) -> Callable[[], None]:
        ref, before, after = update["name"], update.get("beforeOid"), update["afterOid"]
        there = repo.refs.get(ref)
        if not ref.startswith("refs/"):
            raise _Refused("UNPROCESSABLE", f"{ref} is not a fully qualified ref name")
        if before is not None and (there or _ZERO) != before:
            raise _Refused("UNPROCESSABLE", f"Reference cannot be updated: expected {before}, is at {there or _ZERO}")
        if after == _ZERO:
            if ref == f"refs/heads/{repo.default_branch}":
                raise _Refused("UNPROCESSABLE", "Cannot delete the default branch")
            return lambda: self._world.move(repo, ref, there, None) if there else None
        if repo.objects.kind(after) != "commit":
            raise _Refused("NOT_FOUND", f"Could not resolve to a node with the oid {after}")
        if there and not update.get("force") and there not in repo.objects.ancestors(after):
            raise _Refused("UNPROCESSABLE", "Reference cannot be updated: it is not a fast-forward")
        return lambda: self._world.move(repo, ref, there, after)

    def convertPullRequestToDraft(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        return self._draft(input, draft=True)

    def markPullRequestReadyForReview(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        return self._draft(input, draft=False)

    def _draft(self, given: dict[str, Any], *, draft: bool) -> dict[str, Any]:
        for repo in self._world.repos.values():
            for record in pull_routes.records(self._world, repo):
                if record["node_id"] == given["pullRequestId"]:
                    self._may(repo, "pull_requests", "write")
                    pull_routes.change_record(self._world, repo, record, {"draft": draft})
                    shown = {"id": record["node_id"], "number": record["number"], "isDraft": draft}
                    return {"pullRequest": shown, "clientMutationId": given.get("clientMutationId")}
        raise _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{given['pullRequestId']}'")

    def _repo(self, node: str) -> Repo:
        for repo in self._world.repos.values():
            shown = self._world.as_owner("GET", f"/repos/{repo.full_name}", repo.owner)
            if shown["node_id"] == node and self._world.sees(repo, self._actor):
                return repo
        raise _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")

    def _may(self, repo: Repo, permission: str, role: str) -> None:
        if self._actor.is_app:
            allowed = (self._actor.permissions or {}).get(permission) == "write"
            if self._actor.repository not in (None, repo.full_name):
                allowed = False
        else:
            allowed = at_least(repo.role(self._actor.login), role)
        if not allowed:
            raise _Refused("FORBIDDEN", "Resource not accessible by integration")
