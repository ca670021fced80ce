"""What an administrator would set up by hand: people, environments, applications and a webhook."""

import base64
import io
import secrets
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from environments import setting_up
from environments.clusters import connect
from environments.models import Cluster, ConfigurationEntry, Environment
from portal import audit, tokens
from portal.actors import SYSTEM
from portal.audit.vouching import is_vouched_for, with_row
from portal.roles import Role, Verb
from releases import actions
from releases.ingest import store_bundle
from releases.models import Application, WebhookSource

PLATFORMS = {"ai-workflow": "AI Workflow Platform", "nova": "Nova"}
PEOPLE: dict[str, tuple[Role, ...]] = {
    "lead": (Role.APPROVER,),
    "lead2": (Role.APPROVER,),
    "developer": (Role.DEVELOPER,),
    "operator": (Role.OPERATOR,),
    "auditor": (Role.AUDITOR,),
    "admin": (),
}


@dataclass(frozen=True)
class Place:
    """An environment of the demo."""

    title: str
    purpose: str
    approvals: int
    access: str
    data: str
    monitoring: str
    resources: str


PLACES: dict[str, Place] = {
    "dev": Place(
        "Development", "Development and unit tests", 0, "open", "Test data, 1,000 rows", "Logs", "2 vCPU, 8 GB"
    ),
    "staging": Place(
        "Staging",
        "Integration tests and acceptance",
        1,
        "allow-list",
        "De-identified snapshot",
        "Full",
        "Half of production",
    ),
    "prod": Place("Production", "Production", 2, "private", "Real", "Full, with alerts", "Autoscaled"),
    "dr": Place(
        "Disaster recovery",
        "Stands in for production",
        1,
        "private",
        "Replica",
        "Health checks, alerts",
        "As production, cold",
    ),
}


def people() -> dict[str, dict[str, str]]:
    """{role: name, password, token}; the passwords are made anew each time."""
    return {name: _person(name) for name in PEOPLE}


def _told(made: Model, application: str = "") -> None:
    """Its entry in the history, as the admin would write it."""
    verb = f"{made._meta.model_name}.added"
    data = with_row(made) if is_vouched_for(type(made)) else {}
    audit.record(verb, made, data, actor=SYSTEM, application=application)


@transaction.atomic
def _person(name: str) -> dict[str, str]:
    password = secrets.token_urlsafe(12)
    user = User.objects.create_user(name, f"{name}@example.test", password)
    user.is_staff = name in {"admin", "operator"}
    user.is_superuser = name == "admin"
    user.save(update_fields=["is_staff", "is_superuser"])
    _told(user)
    token, _row = tokens.issue(user, "demo", [], [], timezone.now() + timedelta(days=30))
    return {"name": name, "password": password, "token": token}


def environments(kubeconfig: str, prometheus: str) -> list[Environment]:
    """The four environments in one cluster, with everybody's roles."""
    cluster = connect("demo", kubeconfig, actor=SYSTEM).cluster
    made = [
        _environment(cluster, order, name, place, prometheus) for order, (name, place) in enumerate(PLACES.items(), 1)
    ]
    for environment in made:
        for name, roles in PEOPLE.items():
            for role in roles:
                setting_up.grant(SYSTEM, environment, role, user=User.objects.get(username=name))
    return made


@transaction.atomic
def _environment(cluster: Cluster, order: int, name: str, place: Place, prometheus: str) -> Environment:
    environment = setting_up.add_environment(
        SYSTEM,
        name=name,
        title=place.title,
        order=order,
        purpose=place.purpose,
        required_approvals=place.approvals,
        access_policy=place.access,
        data_policy=place.data,
        monitoring=place.monitoring,
        resources=place.resources,
        cluster=cluster,
        namespace="{application}-{environment}",
        more_namespaces="nova-*-{environment}",
        progress_seconds=180,
        prometheus=prometheus,
    )
    level = "Debug" if name == "dev" else "Information"
    ConfigurationEntry.objects.create(environment=environment, key="LOG_LEVEL", value=level, sensitive=False)
    return environment


def applications(folder: Path) -> list[Application]:
    """The two platforms, each with the bundle of its folder as the current one."""
    return [_application(folder / name, name, title) for name, title in PLATFORMS.items()]


@transaction.atomic
def _application(platform: Path, name: str, title: str) -> Application:
    application = Application.objects.create(name=name, title=title, repository=f"example/{name}")
    _told(application, application=name)
    bundle = store_bundle(SYSTEM, application, archive(platform), f"{name}.tar.gz")
    everywhere = SYSTEM.granted(Environment.objects.values_list("name", flat=True), [Verb.MAKE_CURRENT])
    return actions.make_current(everywhere, bundle)


def archive(folder: Path) -> bytes:
    """A folder as CI would upload it: a .tar.gz of its files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for file in sorted(folder.rglob("*.yaml")):
            packed.add(file, str(file.relative_to(folder)))
    return content.getvalue()


@transaction.atomic
def webhooks(application: Application, images: dict[str, str], url: str) -> dict[str, dict[str, str]]:
    """{provider: url, secret}: GitHub's releases of example/ai-workflow go to dev, and ask for staging."""
    targets = Environment.objects.filter(name__in=["dev", "staging"])
    made = {}
    for provider, secret, mapping in (
        (
            "github",
            secrets.token_urlsafe(24),
            {"repository": application.repository, "events": ["release"], "images": images},
        ),
        ("generic", "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(), {"images": images}),
    ):
        source = WebhookSource.objects.create(
            name=application.name, provider=provider, application=application, secret=secret, mapping=mapping
        )
        source.rollout_to.set(targets)
        _told(source, application=application.name)
        made[provider] = {"url": f"{url}/webhooks/{provider}/{source.name}", "secret": secret}
    return made
