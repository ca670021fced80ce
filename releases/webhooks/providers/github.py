"""GitHub: release, workflow_run, registry_package, push of a tag, and ping; signed by X-Hub-Signature-256.

How a rollout goes is told as a commit status.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from portal.outbound import calls
from releases.models import Delivery
from releases.webhooks.mapping import problems
from releases.webhooks.people import people_in
from releases.webhooks.providers.base import (
    FULL_HASH,
    Headers,
    Ignored,
    News,
    Provider,
    Report,
    Untrusted,
    Unusable,
    commit_in,
)

VERSION_LIKE = re.compile(r"v?\d+(\.\d+)*([-+.].+)?")
API = "https://api.github.com"
JSON = "application/vnd.github+json"
# The commit's hash alone: the whole commit with its files can be longer than an answer may be.
HASH = "application/vnd.github.sha"
FOUND = "releases.webhooks.report.commit_found"
MOST_DESCRIPTION = 140
Payload = Mapping[str, Any]


def _verify(secret: str, headers: Headers, body: bytes) -> None:
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), headers.get("x-hub-signature-256", "").encode()):
        raise Untrusted


def _read(mapping: Mapping[str, Any], headers: Headers, payload: Payload) -> News | Ignored:
    event = headers.get("x-github-event", "")
    if event == "ping":
        return Ignored(event, "pong")
    wanted = mapping.get("events") or list(READERS)
    reader = READERS.get(event)
    if reader is None or event not in wanted:
        return Ignored(event, f"This source listens to {', '.join(wanted)}.")
    repository = _text(payload, "repository", "full_name")
    if mapping.get("repository") and repository.casefold() != mapping["repository"].casefold():
        return Ignored(
            event, f"This source listens to {mapping['repository']}, not to {repository or 'no repository'}."
        )
    read = reader(mapping, payload)
    if not isinstance(read, News):
        return read
    return replace(read, makers=people_in(payload), bundle=_bundle(mapping, payload, read))


def _bundle(mapping: Mapping[str, Any], payload: Payload, news: News) -> dict[str, Any]:
    """The folder of the repository that the mapping names, at the event's commit; {} without one."""
    if "path" not in mapping:
        return {}
    if not news.commit:
        raise Unusable("This event names no commit to take the bundle of. Choose workflow runs, or pushes of tags.")
    repository = _text(payload, "repository", "full_name") or mapping.get("repository", "")
    api = _api(mapping)
    git = {"repository": f"https://github.com/{repository}", "commit": news.commit, "path": mapping["path"] or "."}
    return {"source": {"git": {**git, "archive": f"{api}/repos/{repository}/tarball/{{commit}}"}}}


def _release(_mapping: Mapping[str, Any], payload: Payload) -> News | Ignored:
    action, tag = _text(payload, "action"), _text(payload, "release", "tag_name")
    if action != "published":
        return Ignored("release", f"A release that is {action or 'nothing'} leads to no rollout; published does.")
    _need(tag, "release.tag_name")
    commit = _text(payload, "release", "target_commitish")
    return News(
        event="release",
        business_key=f"release:{_repository_id(payload)}:{_text(payload, 'release', 'id') or tag}",
        fields={"tag": tag, **_sha_fields(commit)},
        version=tag,
        commit=commit if FULL_HASH.fullmatch(commit) else "",
        author=_text(payload, "release", "author", "login"),
        changelog=_text(payload, "release", "body"),
    )


def _workflow_run(mapping: Mapping[str, Any], payload: Payload) -> News | Ignored:
    run = _part(payload, "workflow_run")
    action, conclusion = _text(payload, "action"), _text(run, "conclusion")
    if action != "completed" or conclusion != "success":
        return Ignored("workflow_run", f"The run is {action} with {conclusion or 'no conclusion'}; success counts.")
    if mapping.get("workflow") and _text(run, "name") != mapping["workflow"]:
        return Ignored("workflow_run", f"This source listens to the workflow {mapping['workflow']}.")
    branch, commit = _text(run, "head_branch"), _text(run, "head_sha")
    if mapping.get("branches") and branch not in mapping["branches"]:
        return Ignored("workflow_run", f"This source listens to {', '.join(mapping['branches'])}, not to {branch}.")
    _need(commit, "workflow_run.head_sha")
    return News(
        event="workflow_run",
        business_key=f"workflow_run:{_repository_id(payload)}:{_text(run, 'id')}:{_text(run, 'run_attempt') or 1}",
        fields={"branch": branch, "run_number": _text(run, "run_number"), **_sha_fields(commit)},
        version=branch if VERSION_LIKE.fullmatch(branch) else commit[:12],
        commit=commit,
        author=_text(run, "head_commit", "author", "email") or _text(run, "actor", "login"),
        changelog=_text(run, "head_commit", "message"),
    )


def _registry_package(_mapping: Mapping[str, Any], payload: Payload) -> News | Ignored:
    package = _part(payload, "registry_package")
    version = _part(package, "package_version")
    if _text(payload, "action") not in {"published", "updated"}:
        return Ignored("registry_package", "Only a package that is published or updated counts.")
    tag = _text(version, "container_metadata", "tag", "name")
    if not tag:
        return Ignored("registry_package", "The package version has no tag.")
    return News(
        event="registry_package",
        business_key=f"registry_package:{_text(package, 'id')}:{_text(version, 'id')}:{tag}",
        fields={"tag": tag, **_sha_fields(_text(version, "target_oid"))},
        version=tag,
        commit=_text(version, "target_oid"),
        author=_text(version, "author", "login"),
    )


def _push(_mapping: Mapping[str, Any], payload: Payload) -> News | Ignored:
    ref, commit = _text(payload, "ref"), _text(payload, "after")
    tag = ref.removeprefix("refs/tags/")
    if tag == ref or payload.get("deleted"):
        return Ignored("push", "Only the push of a tag counts.")
    _need(commit, "after")
    return News(
        event="push",
        business_key=f"push:{_repository_id(payload)}:{ref}:{commit}",
        fields={"tag": tag, **_sha_fields(commit)},
        version=tag,
        commit=commit,
        author=_text(payload, "head_commit", "author", "username") or _text(payload, "pusher", "name"),
        changelog=_text(payload, "head_commit", "message"),
    )


def _sha_fields(commit: str) -> dict[str, str]:
    return {"sha": commit, "short_sha": commit[:12]} if FULL_HASH.fullmatch(commit) else {}


def _repository_id(payload: Payload) -> str:
    return _text(payload, "repository", "id") or _text(payload, "repository", "full_name")


def _need(value: str, name: str) -> None:
    if not value:
        raise Unusable(f"The payload has no {name}.")


def _part(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(payload: Payload, *path: str) -> str:
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None or isinstance(value, Mapping | list) else str(value)


READERS: dict[str, Callable[[Mapping[str, Any], Payload], News | Ignored]] = {
    "release": _release,
    "workflow_run": _workflow_run,
    "registry_package": _registry_package,
    "push": _push,
}


def _check(mapping: Mapping[str, Any]) -> list[str]:
    found = problems(
        mapping, {"repository": str, "events": list, "workflow": str, "branches": list, "api": str, "path": str}
    )
    if found:
        return found
    unknown = [event for event in mapping.get("events") or () if event not in READERS]
    return [f"events has {event}; there are {', '.join(READERS)}." for event in unknown]


def _report(report: Report) -> None:
    """Queues a commit status; where the event named a tag only, the look-up of its commit, which tells on."""
    commit = _commit_of(report.delivery) if report.delivery.source.mapping.get("repository") else ""
    if not commit:
        return
    status = {
        "state": report.state,
        "context": f"slipway/{report.rollout.environment.name}",
        "target_url": report.url,
        "description": report.words[:MOST_DESCRIPTION],
    }
    url = f"{_repository(report.delivery)}/statuses/{commit}"
    headers = _headers(report.delivery, JSON)
    calls.enqueue(f"status:{report.key}", url, json.dumps(status), headers=headers)


def _commit_of(delivery: Delivery) -> str:
    """The commit; "" where it is being looked up, or cannot be."""
    # Locked: who finds the commit tells what has been so far, and whoever comes after that tells the rest.
    known = Delivery.objects.select_for_update().values_list("commit", flat=True).get(pk=delivery.pk)
    tag = delivery.body["release"]["tag_name"] if delivery.event == "release" else ""
    if known or not tag:
        return known
    url = f"{_repository(delivery)}/commits/{quote(str(tag), safe='')}"
    headers = _headers(delivery, HASH)
    return commit_in(calls.enqueue(f"commit:{delivery.pk}", url, "", headers=headers, method="GET", then=FOUND))


def _api(mapping: Mapping[str, Any]) -> str:
    return str(mapping.get("api") or API)


def _repository(delivery: Delivery) -> str:
    mapping = delivery.source.mapping
    return f"{_api(mapping)}/repos/{mapping['repository']}"


def _headers(delivery: Delivery, accept: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {delivery.source.callback_token}",
        "Accept": accept,
        "X-GitHub-Api-Version": "2022-11-28",
        "Content-Type": "application/json",
        "User-Agent": "slipway",
    }


PROVIDER = Provider(
    name="github",
    verify=_verify,
    delivery_id=lambda headers: headers.get("x-github-delivery", ""),
    read=_read,
    check=_check,
    report=_report,
    api=_api,
)
