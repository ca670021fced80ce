"""Every read, by everybody, of every environment: who may not see an environment learns nothing of it anywhere."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from environments.kube.status.inspection import Inspection
from environments.models import Cluster, ConfigurationEntry, Environment, Grant
from portal import blobs, tokens
from portal.models import Job
from portal.roles import ALLOWED, Role, Verb
from releases import actions
from releases.api.release_requests import KIND
from releases.models import Approval, Measurement, Rollout
from releases.states import Phase
from tests.releases.reads import ACTS, READS, Read, routes
from tests.releases.world import WEB, World, build

pytestmark = pytest.mark.django_db
PLACES = ("dev", "prod")
ELSEWHERE = frozenset(PLACES)


@dataclass(frozen=True)
class Persona:
    """Somebody who looks. `roles`: {environment: role}; `scope`: of their token, which then is how they come."""

    roles: Mapping[str, Role] = field(default_factory=dict)
    scope: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    superuser: bool = False
    known: bool = True

    def where(self, verb: Verb) -> set[str]:
        """The environments in which they may; said here anew, and not by the code that is tested."""
        roles = dict.fromkeys(PLACES, Role.APPROVER) | {} if self.superuser else dict(self.roles)
        if self.superuser and verb in (Verb.AUDIT, Verb.CONFIGURE):
            return set(PLACES)
        places, verbs = self.scope or ((), ())
        return {
            place
            for place, role in roles.items()
            if verb in ALLOWED[role] and (not places or place in places) and (not verbs or verb in verbs)
        }


def everywhere(role: Role) -> dict[str, Role]:
    return dict.fromkeys(PLACES, role)


PERSONAS: dict[str, Persona] = {
    **{f"{role} in dev": Persona({"dev": role}) for role in Role},
    **{f"{role} everywhere": Persona(everywhere(role)) for role in Role},
    "viewer in dev and auditor in prod": Persona({"dev": Role.VIEWER, "prod": Role.AUDITOR}),
    "outsider": Persona(),
    "superuser": Persona(superuser=True),
    "not signed in": Persona(known=False),
    "deactivated": Persona(everywhere(Role.APPROVER), known=False),
    "a token for dev": Persona(everywhere(Role.APPROVER), scope=(("dev",), ())),
    "an auditor's token for dev": Persona(everywhere(Role.AUDITOR), scope=(("dev",), ())),
    "a token that may look only": Persona(everywhere(Role.APPROVER), scope=((), ("view",))),
    "a token that may ask only": Persona(everywhere(Role.APPROVER), scope=((), ("request",))),
    "a token that may audit only": Persona(everywhere(Role.AUDITOR), scope=((), ("audit",))),
    "a token for prod of who is in dev": Persona({"dev": Role.APPROVER}, scope=(("prod",), ())),
}


def mark(place: str) -> str:
    """Stands in everything of an environment, and nowhere else."""
    return f"only{place}"


@pytest.fixture
def marked(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """{environment: what its addresses are made of}; all that an environment has carries its mark."""
    world = build()
    for name in set(world.environments) - set(PLACES):
        world.environments.pop(name).delete()
    monkeypatch.setattr(
        "releases.pages.workloads._inspect", lambda rollout, *_, **__: _inspection(str(rollout.environment))
    )
    made = {place: _furnish(world, place) for place in PLACES}
    world.bundle({"base/web.yaml": WEB, **{f"overlays/{place}/web.yaml": _overlay(mark(place)) for place in PLACES}})
    return made


def _overlay(marker: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-config}}\ndata: {{{marker.upper()}: {marker}}}\n"


def _inspection(place: str) -> Inspection:
    return Inspection(None, (), (), f"a line of {mark(place)}", "web-1", "")


def _furnish(world: World, place: str) -> dict[str, Any]:
    marker, environment = mark(place), world.environments[place]
    environment.cluster = Cluster.objects.create(
        name=marker, server=f"https://{marker}.example", breaker="open", trouble=f"{marker} does not answer"
    )
    for name in ("title", "purpose", "data_policy", "monitoring", "resources", "more_namespaces", "namespace"):
        setattr(environment, name, marker)
    environment.prometheus = f"http://{marker}:9090"
    environment.required_approvals = 2
    environment.save()
    ConfigurationEntry.objects.create(
        environment=environment, config_map="web-config", key=f"{marker.upper()}_TOO", value=marker, sensitive=False
    )
    Grant.objects.create(environment=environment, role=Role.VIEWER, group=Group.objects.create(name=f"{marker}-team"))
    made = [_rollout(world, place, Phase.SUCCEEDED, version) for version in ("1.0.0", "1.1.0")]
    waiting = _rollout(world, place, Phase.AWAITING_APPROVAL, "1.2.0")
    failed = _rollout(world, place, Phase.FAILED, "1.1.0")
    actions.cancel(world.people["lead"], _rollout(world, place, Phase.WAITING, "1.1.0"), f"{marker} said so.")
    return {
        "place": place,
        "mark": marker,
        "rollout": made[-1].pk,
        "waiting": waiting.pk,
        "failed": failed.pk,
        "release": made[-1].release_id,
        "asked": Job.objects.create(kind=KIND, label="Render a chart").pk,
    }


def _rollout(world: World, place: str, phase: Phase, version: str) -> Rollout:
    marker = mark(place)
    rollout = world.rollout(
        phase,
        environment=place,
        version=version,
        plan_digest=blobs.store_json(_plan(marker, version)),
        why=f"{marker} is why.",
        strategy_reason=f"{marker} is the reason.",
        requested_by=f"{marker}-person",
        parameters={"maxSurge": marker},
        strategy="canary",
        recommended="rolling",
    )
    rollout.steps.create(index=0, label=f"Deploy {marker}", why=f"{marker} is not ready", state="failed")
    Approval.objects.create(
        rollout=rollout, digest="sha256:x", name=f"{marker}-lead", decision="approved", comment=marker
    )
    Measurement.objects.create(
        rollout=rollout, index=0, workload=marker, metric="errors", at=1.0, weight=5, verdict="fail", why=marker
    )
    return rollout


def _plan(marker: str, version: str) -> dict[str, Any]:
    ref = ["apps/v1", "Deployment", marker, "web"]
    containers = [{"name": "web", "image": f"{marker}.example/web:{version}"}]
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": marker},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    field_of = {"path": "spec.replicas", "before": marker, "after": 3, "layer": f"overlay {marker}"}
    return {
        "namespace": marker,
        "images": {"web": f"{marker}.example/web:{version}"},
        "objects": [{"ref": ref, "manifest": manifest}],
        "changes": [{"ref": ref, "action": "update", "fields": [field_of], "restarts": True}],
        "risks": [{"title": f"A risk of {marker}", "detail": marker}],
        "steps": [],
    }


@pytest.fixture
def arrive(marked: dict[str, dict[str, Any]]) -> Callable[[str], Client]:
    """A client that comes as a persona, to pages with a session and to the API with a token."""

    def come(name: str) -> Client:
        persona = PERSONAS[name]
        if name == "not signed in":
            return Client()
        user = User.objects.create(username="somebody", is_superuser=persona.superuser)
        for place, role in persona.roles.items():
            Grant.objects.create(environment=Environment.objects.get(name=place), role=role, user=user)
        environments, verbs = persona.scope or ((), ())
        text, _ = tokens.issue(user, "t", environments, verbs, timezone.now() + timedelta(hours=1))
        client = Client(headers={"Authorization": f"Bearer {text}"})
        client.force_login(user)
        User.objects.filter(pk=user.pk).update(is_active=name != "deactivated")
        return client

    return come


def test_every_route_is_in_the_table() -> None:
    assert routes() == set(READS) | ACTS, "A new route belongs into tests/releases/reads.py, with who may read it."


@pytest.mark.parametrize("name", PERSONAS)
def test_nobody_learns_of_an_environment_that_they_may_not_see(
    arrive: Callable[[str], Client], marked: dict[str, dict[str, Any]], name: str
) -> None:
    client, persona = arrive(name), PERSONAS[name]
    for route, read, place, address in _addresses(persona, marked):
        answer = client.get(address)
        told = f"{name}: GET {address} ({route}) answered {answer.status_code}"
        text = _text(answer)
        assert answer.status_code == expected(persona, read, place, address), f"{told}: {text[:300]}"
        assert kept_by_few(address, answer), f"{told} and may be kept: {answer['Cache-Control']}"
        asked = address.casefold()
        for hidden in ELSEWHERE - seen(persona, read):
            assert mark(hidden) not in text or mark(hidden) in asked, f"{told} and told of {hidden}"
        if name == "superuser" and answer.has_header("ETag"):
            assert client.get(address, headers={"If-None-Match": answer["ETag"]}).status_code == 304, told


def _addresses(persona: Persona, marked: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Read, str, str]]:
    for route, read in READS.items():
        if persona.scope and not _for_programs(f"/{route.partition(' ')[2]}"):
            continue
        for form in read.addresses:
            for place in PLACES if "{" in form else PLACES[:1]:
                yield route, read, place, form.format(**marked[place])


def seen(persona: Persona, read: Read) -> set[str]:
    """The environments of which a read may tell: those that the persona sees, and the history that it audits."""
    return persona.where(Verb.VIEW) | (persona.where(Verb.AUDIT) if read.right.startswith("audit") else set())


def expected(persona: Persona, read: Read, place: str, address: str) -> int:
    """The status that the table promises."""
    if read.right == "open":
        return 302 if address == "/sign-in" and persona.known else read.status
    if not persona.known:
        return 401 if _for_programs(address) else 302
    allowed = {
        "signed-in": True,
        "inside": bool(persona.where(Verb.VIEW) | persona.where(Verb.REQUEST)),
        "view": place in persona.where(Verb.VIEW),
        "configure": place in persona.where(Verb.CONFIGURE),
        "request": bool(persona.where(Verb.REQUEST)),
        "audit": bool(persona.where(Verb.AUDIT)),
        "audit-all": persona.where(Verb.AUDIT) == set(PLACES),
    }
    return read.status if allowed[read.right] else 403


def kept_by_few(address: str, answer: HttpResponse) -> bool:
    """No cache keeps what programs and exports are given; of pages only the browser that asked does."""
    said = set(answer["Cache-Control"].split(", "))
    if _for_programs(address) or answer.has_header("Content-Disposition"):
        return said == {"no-store"}
    return said == {"private", "no-cache"} or {"private", "no-store"} <= said


def _for_programs(address: str) -> bool:
    return address.startswith("/api/")


def _text(answer: HttpResponse) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return f"{answer.headers} {content.decode()}".casefold()


@pytest.mark.parametrize("name", ["viewer everywhere", "superuser"])
def test_the_marks_show_where_they_may(
    arrive: Callable[[str], Client], marked: dict[str, dict[str, Any]], name: str
) -> None:
    client, blank = arrive(name), set()
    for route, read in READS.items():
        address = read.addresses[0].format(**marked["prod"])
        shown = "prod" if "verb" in route else mark("prod")
        if read.right == "view" and read.status == 200 and shown not in _text(client.get(address)):
            blank.add(route)
    assert not blank, "Reads that show nothing of their environment prove nothing."


MISSING = [
    "/api/v1/rollouts/{rollout}",
    "/api/v1/rollouts/{rollout}/plan",
    "/api/v1/revisions?application=shop&environment={place}",
    "/api/v1/revisions/compare?application=shop&environment={place}&before=1&after=2",
    "/rollouts/{rollout}",
    "/rollouts/{rollout}/workloads/Deployment/x/web",
    "/rollouts/{rollout}/approve",
    "/environments/{place}",
    "/environments/{place}/import",
    "/environments/{place}/configuration",
    "/environments/{place}/configuration/shop",
    "/revisions/shop/{place}",
]


@pytest.mark.parametrize("form", MISSING)
@pytest.mark.parametrize("name", ["viewer in dev", "a token for dev", "outsider"])
def test_what_is_hidden_is_told_as_what_is_not_there(
    arrive: Callable[[str], Client], marked: dict[str, dict[str, Any]], name: str, form: str
) -> None:
    if PERSONAS[name].scope and not _for_programs(form):
        return
    client, prod = arrive(name), marked["prod"]
    absent = {"rollout": 99999, "place": "nowhere"}
    hidden, missing = client.get(form.format(**prod)), client.get(form.format(**absent))
    assert hidden.status_code == missing.status_code == 403
    without = [_said(hidden, str(prod["rollout"]), "prod"), _said(missing, "99999", "nowhere")]
    assert without[0] == without[1]


def _said(answer: HttpResponse, *named: str) -> str:
    text = unescape(answer.content.decode().partition('id="content"')[2] or answer.content.decode())
    text = text.replace(f'"status": {answer.status_code}', "")  # a rollout's id may be the same number
    for each in named:
        text = text.replace(each, "…")
    return text


VERBS = sorted(actions.guards.RULES)


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_tells_of_a_hidden_rollout(
    arrive: Callable[[str], Client], marked: dict[str, dict[str, Any]], verb: str
) -> None:
    client, waiting = arrive("approver in dev"), marked["prod"]["waiting"]
    answers = [
        client.post(f"/api/v1/rollouts/{waiting}/{verb}", {"comment": "x"}, content_type="application/json"),
        client.post(f"/rollouts/{waiting}/{verb}", {"comment": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert not [answer for answer in answers if mark("prod") in _text(answer) or ">prod<" in _text(answer)]
