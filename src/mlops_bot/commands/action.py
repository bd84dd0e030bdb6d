"""`mlops-bot action`, the Action's entry point: an event in; outputs, summary, report and annotations out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mlops_bot import components, settings, shown
from mlops_bot.commands import bundle, common, stages
from mlops_bot.commands.asking import Asking, Ended
from mlops_bot.console import Console
from mlops_bot.errors import MlopsBotError, UserError
from mlops_bot.github import delivery, names
from mlops_bot.github import event as events
from mlops_bot.github.client import Client, Patience
from mlops_bot.github.dryrun import DryRun
from mlops_bot.github.forge import GitHubForge
from mlops_bot.github.model import Closed, Forge, Ignored, Outcome, Trigger
from mlops_bot.github.render import logs
from mlops_bot.github.render import summary as summaries
from mlops_bot.settings import Action, Settings
from mlops_bot.types import Json

_MOST_PAYLOAD = 30_000_000  # bytes; GitHub's own limit of an event is 25 MB


def run(options: argparse.Namespace) -> int:
    """0 verified, nothing to change, or nothing of ours; 1 not verified; 2 a bad request; 3 infrastructure."""
    action = _chosen(settings.load_action(), options)
    configured = settings.load()
    secrets = (*configured.secrets, *action.hidden)
    with Console(no_color=True, secrets=secrets) as console:
        if action.stage == "verify":
            # What is wrong with a script is handed on, for deliver to say; only a bundle that is none ends it here.
            stages.verify(action.bundle, action.verdicts, configured, console.progress)
            console.last(f"verdicts written to {action.verdicts}", good=True)
            return 0
        return _Run(action, configured, console, secrets).run()


def _chosen(action: Action, options: argparse.Namespace) -> Action:
    return replace(
        action,
        event_path=options.event or action.event_path,
        event_name=options.event_name or action.event_name,
        stage=options.stage or action.stage,
        dry_run=options.dry_run or action.dry_run,
    )


class _Run:
    """One event."""

    def __init__(self, action: Action, configured: Settings, console: Console, secrets: Sequence[str]) -> None:
        self._action = action
        self._settings = configured
        self._console = console
        self._secrets = secrets
        self._ended = Ended()

    def run(self) -> int:
        try:
            self._handle()
        except MlopsBotError as error:
            self._ended.status = "error"
            self._ended.codes.append(error.exit_code)
            self._say(f"{error}" + (f"\n  {error.hint}" if error.hint else ""))
            self._annotate([logs.annotation("error", shown.redacted(str(error), self._secrets))])
        except BaseException:
            self._ended.status = "error"
            raise
        finally:
            self._write_files()
        return max(self._ended.codes, default=0)

    def _handle(self) -> None:
        payload = _payload(self._action.event_path)
        event = events.read(self._action.event_name, payload, components=components.load_all())
        if isinstance(event, Ignored):
            self._say(f"nothing to do: {event.reason}")
            return
        token = self._settings.github_token
        if not token:
            raise UserError("no token for GitHub", hint="set the input `token`, as in `token: ${{ github.token }}`")
        if self._action.repository and event.repository.lower() != self._action.repository.lower():
            raise UserError(f"the event is of {event.repository}, and this runs in {self._action.repository}")
        patience = Patience(seconds=self._action.wait, reserve=min(self._action.wait, Patience().reserve))
        client = Client(token, api_url=self._action.api_url, patience=patience, progress=self._console.progress)
        forge: Forge = GitHubForge(client, event.repository)
        if self._action.dry_run:
            forge = DryRun(forge, self._say)
        try:
            if isinstance(event, Closed):
                self._closed(forge, event)
            else:
                self._asked(forge, event, payload, client)
        finally:
            self._say(f"{client.calls} calls to GitHub")
            client.close()

    def _asked(self, forge: Forge, event: Trigger, payload: Json, client: Client) -> None:
        asking = Asking(
            forge, event, _source(event, payload), action=self._action, settings=self._settings,
            secrets=self._secrets, progress=self._console.progress, say=self._say, last_words=client.last_words,
        )  # fmt: skip
        self._ended = asking.ended
        asking.run()
        self._annotate(logs.annotation("warning", warning) for warning in asking.ended.warnings)

    def _closed(self, forge: Forge, event: Closed) -> None:
        """A pull request's end: its follow-ups go with it. Nobody asks for that, and the API has to confirm it."""
        self._ended.status = "nothing"
        if self._action.stage == "propose":  # writing is the last stage's
            document = bundle.Bundle("mlops-bot/bundle/1", event.repository, event.number, "closed", event.head_sha)
            bundle.write(self._action.bundle, document, secrets=self._secrets)
            self._ended.proceed = True
            return
        for line in delivery.parent_ended(forge, event.number, names.PREFIX):
            self._say(line)

    # --- for the steps that follow --------------------------------------------------------------------------

    def _write_files(self) -> None:
        """Outputs, summary and report, and annotations."""
        ended, known, written = self._ended, components.load_all(), ""
        if ended.outcomes:
            written = str(self._action.report)
            common.write_json(written, _report(ended.outcomes), secrets=self._secrets)
            self._annotate(logs.failures(ended.outcomes, components=known, secrets=self._secrets))
        values = summaries.outputs(ended.outcomes, report=written, secrets=self._secrets)
        if not ended.outcomes:
            values["status"] = ended.status
        values["proceed"] = "true" if ended.proceed else "false"
        if self._action.output is not None:
            _append(self._action.output, logs.output_file(values))
        if self._action.summary is not None and ended.outcomes:
            policy = ended.config.unverified
            text = summaries.summary(ended.outcomes, components=known, unverified=policy, secrets=self._secrets)
            _append(self._action.summary, text)

    def _annotate(self, lines: Iterable[str]) -> None:
        if self._action.on_github:
            for line in lines:
                print(line, flush=True)

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            if line.strip():
                self._console.last(logs.line(line, self._secrets), good=True)


def _payload(path: Path | None) -> Json:
    if path is None:
        raise UserError("no event", hint="in a workflow GITHUB_EVENT_PATH names it; elsewhere pass --event FILE")
    try:
        if path.stat().st_size > _MOST_PAYLOAD:
            raise UserError(f"{path}: is too large for an event")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no event: {error}", hint="name a file with the event's JSON") from None


def _source(event: Trigger, payload: Json) -> str:
    """What asked, the same for a delivery that arrives twice and for no other."""
    if event.kind == "comment":
        return f"comment:{event.comment_id}"
    return shown.one_line(f"label:{event.label}@{payload['pull_request'].get('updated_at')}", 300)


def _report(outcomes: Sequence[Outcome]) -> Json:
    return {
        "schema": "mlops-bot/action/1",
        "commands": [
            {
                "words": names.words(outcome.command, components.load_all()),
                "status": outcome.status,
                "reason": outcome.reason,
                "pull_request": outcome.pull_number,
                "files": [
                    {"path": file.path, "status": file.status, "reason": file.reason, "report": file.report or None}
                    for file in outcome.files
                ],
            }
            for outcome in outcomes
        ],
    }


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
