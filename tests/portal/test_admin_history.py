"""Every way in which the admin changes something writes its entry in the transaction of the change.

The ways are read from the admin itself: a new ModelAdmin, page, action or list that can be edited fails here until it
is in WRITES, where it is tried, or in READS, where it is shown to change nothing.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from environments.models import (
    Cluster,
    ConfigurationEntry,
    Environment,
    Grant,
    PolicyChange,
    RegistryAccount,
    RegistrySetting,
)
from portal import audit, tokens
from portal.models import ApiToken, AuditEntry, OutgoingCall, PasswordLink, ServiceAccount
from portal.outbound import calls
from portal.roles import Role
from releases.models import Application, WebhookSource
from tests.audit import rows, unrecordable
from tests.environments.test_clusters import behave, kubeconfig
from tests.portal.forms import filled
from tests.portal.http_server import serve

pytestmark = pytest.mark.django_db(transaction=True)
Way = tuple[str, str]


@pytest.fixture
def root(client: Client, settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the usual one is slow on purpose
    user = User.objects.create_superuser("root")
    client.force_login(user)
    client.raise_request_exception = False
    return user


@pytest.fixture
def world(root: User) -> None:
    """One object of everything that the admin changes, with others that go with it when it is deleted."""
    ann = User.objects.create(username="ann")
    cluster = Cluster.objects.create(name="main", server="https://127.0.0.1:6443", access="{}")
    Cluster.objects.create(name="spare", in_cluster=True)
    dev = Environment.objects.create(name="dev", cluster=cluster, order=1)
    Grant.objects.create(environment=dev, role=Role.DEVELOPER, user=ann)
    ConfigurationEntry.objects.create(environment=dev, key="COLOUR", value="blue")
    Group.objects.create(name="leads")
    RegistryAccount.objects.create(registry="docker.io", username="bot", password="x")
    RegistrySetting.objects.create(registry="docker.io", mirror="mirror.example")
    source = WebhookSource(application=Application.objects.create(name="shop"), name="main", provider="github")
    source.secret = "whsec_AAAA"
    source.save()
    tokens.issue(root, "ci", [], [], timezone.now() + timedelta(days=1))
    ServiceAccount.objects.create(user=User.objects.create(username="bot"), purpose="CI")
    carl = User.objects.create(username="carl")
    PolicyChange.objects.create(kind="environment", target=dev.pk, what="dev", fields={}, words=[], expires_at=TOMORROW)
    PasswordLink.objects.create(user=carl, issuer="another", issued_at=timezone.now())
    calls.enqueue("k", "https://x.example/", "{}", {})
    OutgoingCall.objects.update(state=OutgoingCall.State.GIVEN_UP)


def page(model: type, *more: object) -> str:
    return "/".join(["/admin", model._meta.app_label, model._meta.model_name, *map(str, more), ""])


def send(client: Client, url: str, **changes: object) -> Any:
    """Posts the form at an address with some fields changed; a function as value finds it when it is sent."""
    found = {name: value() if callable(value) else value for name, value in changes.items()}
    return client.post(url, filled(client, url, **found))


def key(model: type, **found: object) -> Callable[[], int]:
    return lambda: model.objects.get(**found).pk


def add(model: type, **fields: object) -> Callable[[Client], Any]:
    return lambda client: send(client, page(model, "add"), **fields)


def change(model: type, found: dict[str, object], **fields: object) -> Callable[[Client], Any]:
    return lambda client: send(client, page(model, model.objects.get(**found).pk, "change"), **fields)


def delete(model: type, **found: object) -> Callable[[Client], Any]:
    return lambda client: client.post(page(model, model.objects.get(**found).pk, "delete"), {"post": "yes"})


def act(model: type, action: str, **found: object) -> Callable[[Client], Any]:
    def run(client: Client) -> Any:
        chosen = [row.pk for row in model.objects.filter(**found)]
        return client.post(page(model), {"action": action, "_selected_action": chosen, "post": "yes"})

    return run


def add_cluster(client: Client) -> Any:
    with serve() as server:
        server.behave = behave(server)
        return send(client, page(Cluster, "add"), name="new", kubeconfig=kubeconfig(server.url("")))


def decline(client: Client) -> Any:
    return client.post(page(PolicyChange, PolicyChange.objects.get().pk, "decide"), {"verdict": "decline"})


def reset_password(client: Client) -> Any:
    url = page(User, User.objects.get(username="ann").pk, "password")
    return send(client, url)


NEW_GRANT = {"grants-TOTAL_FORMS": "2", "grants-1-role": "approver", "grants-1-user": key(User, username="ann")}
TOMORROW = timezone.now() + timedelta(days=1)
TOKEN = {
    "name": "new",
    "user": key(User, username="root"),
    "expires_at_0": TOMORROW.date().isoformat(),
    "expires_at_1": "12:00:00",
}
DEV = {"name": "dev"}
ANN = {"username": "ann"}

# Each way with the names of its cases, each of which changes something.
WRITES: dict[Way, dict[str, Callable[[Client], Any]]] = {
    ("auth.user", "add"): {"": add(User, username="bob")},
    ("auth.user", "change"): {"": change(User, ANN, first_name="Ann")},
    ("auth.user", "delete"): {"": delete(User, **ANN)},
    ("auth.user", "password_change"): {"": reset_password},
    ("auth.user", "action delete_selected"): {"": act(User, "delete_selected", **ANN)},
    ("auth.group", "add"): {"": add(Group, name="new"), "in a popup": add(Group, name="new", _popup="1")},
    ("auth.group", "change"): {"": change(Group, {}, name="other")},
    ("auth.group", "delete"): {"": delete(Group)},
    ("auth.group", "action delete_selected"): {"": act(Group, "delete_selected")},
    ("portal.apitoken", "add"): {"": add(ApiToken, **TOKEN)},
    ("portal.apitoken", "action revoke"): {"": act(ApiToken, "revoke")},
    ("portal.serviceaccount", "add"): {"": add(ServiceAccount, username="robot", purpose="CI")},
    ("portal.serviceaccount", "change"): {"": change(ServiceAccount, {}, purpose="CI of the shop")},
    ("portal.passwordlink", "action confirm"): {"": act(PasswordLink, "confirm")},
    ("portal.outgoingcall", "action try_again"): {"": act(OutgoingCall, "try_again")},
    ("environments.cluster", "add"): {"": add_cluster},
    ("environments.cluster", "change"): {"": change(Cluster, {"name": "spare"}, in_cluster=None)},
    ("environments.cluster", "delete"): {"": delete(Cluster, name="spare")},
    ("environments.cluster", "action delete_selected"): {"": act(Cluster, "delete_selected", name="spare")},
    ("environments.environment", "add"): {
        "": add(Environment, name="new", cluster=key(Cluster, name="main"), order="2")
    },
    ("environments.environment", "change"): {
        "": change(Environment, DEV, title="Development"),
        "a grant more": change(Environment, DEV, **NEW_GRANT),
        "a grant less": change(Environment, DEV, **{"grants-0-DELETE": "on"}),
        "a value": change(Environment, DEV, **{"configuration-0-text": "green"}),
        "a value less": change(Environment, DEV, **{"configuration-0-DELETE": "on"}),
    },
    ("environments.policychange", "decide"): {"": decline},
    ("environments.environment", "delete"): {"": delete(Environment)},
    ("environments.environment", "action delete_selected"): {"": act(Environment, "delete_selected")},
    ("environments.registryaccount", "add"): {
        "": add(RegistryAccount, registry="quay.io", username="bot", secret="hush")
    },
    ("environments.registryaccount", "change"): {"": change(RegistryAccount, {}, secret="hush", username="other")},
    ("environments.registryaccount", "delete"): {"": delete(RegistryAccount)},
    ("environments.registryaccount", "action delete_selected"): {"": act(RegistryAccount, "delete_selected")},
    ("environments.registrysetting", "add"): {"": add(RegistrySetting, registry="quay.io", digests="tag")},
    ("environments.registrysetting", "change"): {"": change(RegistrySetting, {}, mirror="other.example")},
    ("environments.registrysetting", "delete"): {"": delete(RegistrySetting)},
    ("environments.registrysetting", "action delete_selected"): {"": act(RegistrySetting, "delete_selected")},
    ("releases.application", "add"): {"": add(Application, name="new", strategy="rolling")},
    ("releases.application", "change"): {"": change(Application, {}, title="The shop")},
    ("releases.application", "delete"): {"": delete(Application)},
    ("releases.application", "action delete_selected"): {"": act(Application, "delete_selected")},
    ("releases.webhooksource", "add"): {
        "": add(WebhookSource, name="new", provider="generic", application=key(Application), mapping="{}")
    },
    ("releases.webhooksource", "change"): {"": change(WebhookSource, {}, active=None)},
    ("releases.webhooksource", "delete"): {"": delete(WebhookSource)},
    ("releases.webhooksource", "action delete_selected"): {"": act(WebhookSource, "delete_selected")},
    ("releases.webhooksource", "action renew"): {"": act(WebhookSource, "renew")},
}
# Views that change nothing whatever is sent to them: lists without their actions, Django's own log of an object.
LOOKING = {"changelist", "history"}
READ_ONLY = {
    "environments.policychange",
    "portal.auditentry",
    "portal.passwordlink",
    "releases.release",
    "releases.rollout",
    "releases.delivery",
}
READS: set[Way] = {
    *((model, way) for model in READ_ONLY for way in ("add", "change", "delete")),
    *(("portal.outgoingcall", way) for way in ("add", "change", "delete")),
    ("portal.serviceaccount", "delete"),
    *(("portal.apitoken", way) for way in ("change", "delete")),
}
CASES = [(*way, name) for way, cases in WRITES.items() for name in cases]


def ways(admin: ModelAdmin, user: User) -> Iterator[Way]:
    """Every page, action and list that can be edited of one model's admin."""
    request = RequestFactory().get("/")
    request.user = user
    label, prefix = admin.opts.label_lower, f"{admin.opts.app_label}_{admin.opts.model_name}_"
    for pattern in admin.get_urls():
        if pattern.name and (name := pattern.name.removeprefix(prefix)) not in LOOKING:
            yield label, name
    yield from ((label, f"action {name}") for name in admin.get_actions(request))
    if admin.list_editable:
        yield label, "list_editable"


def test_every_way_is_tried_or_only_looks(root: User) -> None:
    found = {way for admin in site._registry.values() for way in ways(admin, root)}
    assert found == WRITES.keys() | READS


@pytest.mark.parametrize(("model", "way", "case"), CASES)
def test_a_change_and_its_entry_are_one(client: Client, world: None, model: str, way: str, case: str) -> None:
    before, number = rows(), audit.current_head().number
    with unrecordable():
        assert WRITES[model, way][case](client).status_code == 500
    assert rows() == before, "changed without an entry"
    answer = WRITES[model, way][case](client)
    assert answer.status_code < 400, answer.content
    assert rows() != before, "nothing was changed"
    told = AuditEntry.objects.filter(number__gt=number)
    assert model in set(told.values_list("target_type", flat=True))
    assert set(told.values_list("actor", flat=True)) == {"root"}


def test_what_only_looks_changes_nothing(client: Client, world: None) -> None:
    before = rows()
    for model, way in READS:
        found = apps.get_model(model)._base_manager.first()
        address = ["add"] if way == "add" else [found.pk if found else 1, way]
        answer = client.post(page(apps.get_model(model), *address), {"post": "yes"})
        assert answer.status_code in {302, 403}, (model, way)
    for admin in site._registry.values():
        answer = client.post(page(admin.model), {"_save": "Save"})
        assert answer.status_code in {200, 302, 403}, admin
    assert rows() == before
    assert audit.current_head().number == 1


def test_a_deletion_tells_what_went_with_it(client: Client, world: None) -> None:
    delete(User, **ANN)(client)
    told = AuditEntry.objects.get(verb="user.deleted").data
    assert told == {"removed": {"grants": ["developer in dev for ann"]}, "row": None}
