"""Where credentials are sent: each goes where it was given for, and a changed address asks for it anew."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from environments.models import Cluster, Environment, RegistryAccount, RegistrySetting
from portal.admin_secrets import SecretsForm
from portal.encryption import EncryptedTextField
from portal.models import AuditEntry
from releases.models import Application, WebhookSource
from tests.environments.test_admin import form_of

pytestmark = pytest.mark.django_db

# Every encrypted text of the product: the fields of its form that say where it is sent, or why it needs none.
DESTINATIONS = {
    "environments.Environment.prometheus_token": ["prometheus"],
    "environments.RegistryAccount.password": ["registry"],
    "environments.RegistrySetting.proxy_login": ["proxy"],
    "releases.WebhookSource.secret": ["callback_url"],
    "releases.WebhookSource.callback_query": ["callback_url"],
    "releases.WebhookSource.callback_token": ["mapping", "provider"],
}
NEED_NONE = {
    "environments.Cluster.access": "holds its server itself: both come with a kubeconfig",
    "environments.ConfigurationEntry.value": "goes into the objects of its environment",
    "portal.OutgoingCall.headers": "stored together with the address, and never changed",
    "portal.OutgoingCall.signer": "stored together with the address, and never changed",
    "portal.OutgoingCall.query": "part of an address that never changes",
    "releases.Delivery.bundle_url": "an address itself",
}


def test_every_encrypted_text_has_its_destination_or_needs_none() -> None:
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField)
    }
    assert found == {*DESTINATIONS, *NEED_NONE}


def test_every_one_with_a_destination_is_declared_by_the_form_that_changes_it() -> None:
    declared = {
        f"{model._meta.label}.{secret.attribute}"
        for model, page in admin.site._registry.items()
        if issubclass(page.form, SecretsForm)
        for secret in page.form.secrets
    }
    assert declared == set(DESTINATIONS)


class Case(NamedTuple):
    """One credential: its row and the form that saves it as it is; the change that moves it, and how it is given."""

    make: Callable[[], tuple[Model, dict[str, object]]]
    attribute: str
    moves: dict[str, object]
    typed: dict[str, object]
    becomes: str
    dropped: dict[str, object] | None
    nowhere: dict[str, object] | None = None


def environment(**more: object) -> tuple[Model, dict[str, object]]:
    row = Environment.objects.create(
        name="dev",
        cluster=Cluster.objects.create(name="c"),
        prometheus="http://prometheus:9090",
        prometheus_token="hush",
        **more,
    )
    return row, form_of(row, prometheus=row.prometheus)


def account() -> tuple[Model, dict[str, object]]:
    row = RegistryAccount.objects.create(registry="registry.example:5000", username="robot", password="hush")
    return row, {"registry": row.registry, "username": row.username}


def proxied() -> tuple[Model, dict[str, object]]:
    row = RegistrySetting.objects.create(
        registry="registry.example", proxy="http://proxy.example:3128", proxy_login="hush"
    )
    return row, {"registry": row.registry, "digests": row.digests, "proxy": row.proxy}


def source(provider: str = "github") -> tuple[Model, dict[str, object]]:
    row = WebhookSource.objects.create(
        name="main",
        provider=provider,
        application=Application.objects.create(name="shop"),
        secret="whsec_hush",
        callback_url="https://hooks.example/x",
        callback_query="hush",
        callback_token="hush",
    )
    form = {"name": "main", "provider": provider, "application": row.application_id, "mapping": "{}", "active": "on"}
    return row, {**form, "callback_url": row.callback_url}


ELSEWHERE = "https://evil.example/"
CASES = {
    "Prometheus' token": Case(
        environment, "prometheus_token", {"prometheus": "http://evil:9090"}, {"secret": "again"}, "again",
        {"forget": "on"}, {"prometheus": ""},
    ),
    "a registry's password": Case(
        account, "password", {"registry": "evil.example"}, {"secret": "again"}, "again", None
    ),
    "a login at a proxy": Case(
        proxied, "proxy_login", {"proxy": "http://evil.example:3128"}, {"secret": "u:again"}, "u:again",
        {"forget": "on"}, {"proxy": ""},
    ),
    "a callback's query": Case(
        source, "callback_query", {"callback_url": ELSEWHERE, "signing": "whsec_hush"}, {"query": "again"}, "again",
        {"forget_query": "on"}, {"callback_url": ""},
    ),
    "a token for another API": Case(
        source, "callback_token", {"mapping": '{"api": "https://evil.example"}'}, {"token": "again"}, "again",
        {"forget_token": "on"}, {"provider": "generic"},
    ),
    "the secret that signs callbacks": Case(
        source, "secret", {"callback_url": ELSEWHERE, "query": "again"}, {"signing": "whsec_hush"}, "whsec_hush",
        {"renew_secret": "on"},
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


class Saved(NamedTuple):
    status: int
    page: str
    row: Model

    def value(self, case: Case) -> str | None:
        return getattr(type(self.row).objects.get(pk=self.row.pk), case.attribute)


def save(client: Client, case: Case, **changes: object) -> Saved:
    row, form = case.make()
    meta = row._meta
    answer = client.post(f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/change/", {**form, **changes})
    return Saved(answer.status_code, answer.content.decode(), row)


def test_every_destination_is_tried() -> None:
    assert sorted(case.attribute for case in CASES.values()) == sorted(name.rpartition(".")[2] for name in DESTINATIONS)


@pytest.mark.parametrize("name", CASES)
def test_a_changed_address_asks_for_what_is_sent_there(client: Client, name: str) -> None:
    case = CASES[name]
    saved = save(client, case, **case.moves)
    assert saved.status == 200
    assert "is not sent elsewhere by itself" in saved.page
    assert "hush" not in saved.page
    assert saved.value(case) in {"hush", "whsec_hush"}
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", CASES)
def test_typed_again_it_goes_to_the_new_address(client: Client, name: str) -> None:
    case = CASES[name]
    saved = save(client, case, **case.moves, **case.typed)
    assert saved.status == 302, saved.page
    assert saved.value(case) == case.becomes


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.dropped])
def test_it_may_be_dropped_instead(client: Client, name: str) -> None:
    case = CASES[name]
    saved = save(client, case, **case.moves, **(case.dropped or {}))
    assert saved.status == (200 if case.attribute == "secret" else 302), saved.page
    assert saved.value(case) not in {"hush", "whsec_hush"}
    assert "hush" not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("name", CASES)
def test_without_a_change_it_stays(client: Client, name: str) -> None:
    case = CASES[name]
    saved = save(client, case)
    assert saved.status == 302, saved.page
    assert saved.value(case) in {"hush", "whsec_hush"}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nowhere])
def test_with_its_address_it_goes(client: Client, name: str) -> None:
    case = CASES[name]
    saved = save(client, case, **(case.nowhere or {}))
    assert saved.status == 302, saved.page
    assert saved.value(case) is None


def test_a_secret_that_is_made_anew_is_shown_once(client: Client) -> None:
    case = CASES["the secret that signs callbacks"]
    saved = save(client, case, **case.moves, renew_secret="on")
    assert str(saved.value(case)) in saved.page
    assert str(saved.value(case)).startswith("whsec_")


def test_a_secret_that_is_another_proves_nothing(client: Client) -> None:
    case = CASES["the secret that signs callbacks"]
    saved = save(client, case, **case.moves, signing="whsec_guess")
    assert "This is not what is stored." in saved.page
    assert saved.value(case) == "whsec_hush"


def test_both_typed_and_dropped_is_asked_again(client: Client) -> None:
    saved = save(client, CASES["Prometheus' token"], secret="again", forget="on")
    assert "not both" in saved.page


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("https://hooks.example/x?token=hush", "has a field of its own"),
        ("https://u:hush@hooks.example/", "password in it"),
    ],
)
def test_a_callback_address_holds_no_secret(client: Client, given: str, words: str) -> None:
    saved = save(client, CASES["a callback's query"], callback_url=given, query="x", signing="whsec_hush")
    assert words in saved.page
    assert not AuditEntry.objects.exists()
