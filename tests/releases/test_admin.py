"""Applications and webhook sources in the admin: bundles are checked, and a source's secret is shown once."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.models import AuditEntry
from releases.models import Application, Bundle, WebhookSource

pytestmark = pytest.mark.django_db
APPLICATIONS, SOURCES = "/admin/releases/application/", "/admin/releases/webhooksource/"
GOOD = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {A: b}\n"


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


def add_application(client: Client, content: bytes | None):
    form = {"name": "shop", "strategy": "rolling", "parameters": "{}"}
    upload = {"upload": SimpleUploadedFile("base.yaml", content)} if content is not None else {}
    return client.post(f"{APPLICATIONS}add/", form | upload)


class TestApplication:
    def test_a_bundle_becomes_the_current_one(self, client: Client, root: User) -> None:
        assert add_application(client, GOOD).status_code == 302
        assert Application.objects.get().bundle == Bundle.objects.get()
        told = AuditEntry.objects.order_by("number").values_list("verb", "actor", "application")
        assert list(told) == [
            ("bundle.uploaded", "root", "shop"),
            ("application.bundle-made-current", "root", "shop"),
            ("application.added", "root", "shop"),
        ]

    def test_it_takes_its_own_right(self, client: Client) -> None:
        staff = User.objects.create_user("staff", is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(content_type__app_label="releases"))
        client.force_login(staff)
        assert 'name="upload"' not in client.get(f"{APPLICATIONS}add/").content.decode()
        assert add_application(client, GOOD).status_code == 403
        assert not Application.objects.exists()
        assert not Bundle.objects.exists()

    def test_a_bad_bundle_is_told_and_nothing_is_stored(self, client: Client, root: User) -> None:
        answer = add_application(client, b"a: [")
        assert "base.yaml" in str(answer.context["adminform"].form.errors["upload"])
        assert not Application.objects.exists()

    def test_an_application_needs_no_bundle(self, client: Client, root: User) -> None:
        assert add_application(client, None).status_code == 302
        assert Application.objects.get().bundle is None


@pytest.fixture
def shop() -> Application:
    return Application.objects.create(name="shop")


def add_source(client: Client, shop: Application, **changes: object):
    form = {"name": "main", "provider": "github", "application": shop.pk, "mapping": "{}", "active": "on"}
    return client.post(f"{SOURCES}add/", form | changes)


class TestWebhookSource:
    def test_its_secret_is_shown_once(self, client: Client, root: User, shop: Application) -> None:
        answer = add_source(client, shop)
        source = WebhookSource.objects.get()
        assert answer.context["secret"] == source.secret
        assert source.secret in answer.content.decode()
        for page in ("", f"{source.pk}/change/"):
            assert source.secret not in client.get(SOURCES + page).content.decode()
        assert source.secret not in str(list(AuditEntry.objects.values()))

    def test_a_new_secret_replaces_it(self, client: Client, root: User, shop: Application) -> None:
        old = add_source(client, shop).context["secret"]
        pk = WebhookSource.objects.get().pk
        answer = client.post(SOURCES, {"action": "renew", "_selected_action": [pk]})
        assert WebhookSource.objects.get().secret == answer.context["secret"] != old
        assert [entry.verb for entry in AuditEntry.objects.order_by("number")] == [
            "webhooksource.added",
            "webhooksource.renewed",
        ]

    def test_a_token_for_calling_back_is_never_shown(self, client: Client, root: User, shop: Application) -> None:
        add_source(client, shop, token="ghp_hush")
        source = WebhookSource.objects.get()
        assert source.callback_token == "ghp_hush"
        assert "ghp_hush" not in client.get(f"{SOURCES}{source.pk}/change/").content.decode()
        form = {"name": "main", "provider": "github", "application": shop.pk, "mapping": "{}"}
        assert client.post(f"{SOURCES}{source.pk}/change/", form).status_code == 302
        source.refresh_from_db()
        assert (source.callback_token, source.active) == ("ghp_hush", False)
        assert "hush" not in str(list(AuditEntry.objects.values()))

    def test_a_mapping_that_the_provider_does_not_take_is_told(
        self, client: Client, root: User, shop: Application
    ) -> None:
        answer = add_source(client, shop, mapping='{"nonsense": 1}')
        assert "nonsense" in str(answer.context["adminform"].form.errors["mapping"])
        assert not WebhookSource.objects.exists()
