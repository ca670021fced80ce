"""Clusters and environments in the admin: credentials and sensitive values go in and never come out."""

import json

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.forms import ModelForm
from django.test import Client

from environments import admin as environments_admin
from environments.models import Cluster, ConfigurationEntry, Environment, Grant, RegistryAccount
from portal.encryption import EncryptedTextField
from portal.models import AuditEntry
from portal.roles import Role
from tests.environments.test_clusters import TOKEN, behave, kubeconfig
from tests.portal.http_server import Server, serve

pytestmark = pytest.mark.django_db
CLUSTERS, ENVIRONMENTS = "/admin/environments/cluster/", "/admin/environments/environment/"


@pytest.fixture
def server():
    with serve() as running:
        running.behave = behave(running)
        yield running


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


class TestCluster:
    def test_a_pasted_kubeconfig_is_checked_kept_and_never_shown(
        self, client: Client, root: User, server: Server
    ) -> None:
        given = kubeconfig(server.url(""))
        assert client.post(f"{CLUSTERS}add/", {"name": "main", "kubeconfig": given}).status_code == 302
        cluster = Cluster.objects.get()
        assert TOKEN in cluster.access
        for page in (CLUSTERS, f"{CLUSTERS}{cluster.pk}/change/", f"{CLUSTERS}{cluster.pk}/history/"):
            shown = client.get(page).content.decode()
            assert "main" in shown
            assert TOKEN not in shown
        assert {entry.verb for entry in AuditEntry.objects.all()} == {"cluster.connected", "cluster.added"}
        assert TOKEN not in str(list(AuditEntry.objects.values()))

    def test_it_is_asked_before_the_transaction(
        self, client: Client, root: User, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        depths = []
        examine = environments_admin.clusters.examine

        def watched(*args: object):
            depths.append(len(connection.savepoint_ids))
            return examine(*args)

        outside = len(connection.savepoint_ids)
        monkeypatch.setattr(environments_admin.clusters, "examine", watched)
        client.post(f"{CLUSTERS}add/", {"name": "main", "kubeconfig": kubeconfig(server.url(""))})
        assert depths == [outside]

    def test_a_refused_one_is_told_and_not_shown_again(self, client: Client, root: User, server: Server) -> None:
        given = kubeconfig(server.url(""), exec={"command": "aws", "env": [{"name": "X", "value": "hush-hush"}]})
        answer = client.post(f"{CLUSTERS}add/", {"name": "main", "kubeconfig": given})
        assert "exec" in str(answer.context["adminform"].form.errors["kubeconfig"])
        assert "hush-hush" not in answer.content.decode()
        assert not Cluster.objects.exists()

    def test_a_new_credential_replaces_the_old(self, client: Client, root: User, server: Server) -> None:
        cluster = Cluster.objects.create(name="main", access='{"server": "https://old"}', server="https://old")
        client.post(f"{CLUSTERS}{cluster.pk}/change/", {"kubeconfig": kubeconfig(server.url(""))})
        cluster.refresh_from_db()
        assert cluster.server == server.url("")
        assert TOKEN in cluster.access
        assert AuditEntry.objects.filter(verb="cluster.reconnected").exists()

    def test_nothing_pasted_is_told(self, client: Client, root: User) -> None:
        answer = client.post(f"{CLUSTERS}add/", {"name": "main"})
        assert "Paste a kubeconfig" in str(answer.context["adminform"].form.errors)

    def test_who_may_not_add_clusters_makes_no_call(self, client: Client, server: Server) -> None:
        client.force_login(User.objects.create(username="staff", is_staff=True))
        answer = client.post(f"{CLUSTERS}add/", {"name": "main", "kubeconfig": kubeconfig(server.url(""))})
        assert answer.status_code == 403
        assert not server.seen


@pytest.fixture
def dev() -> Environment:
    return Environment.objects.create(name="dev", cluster=Cluster.objects.create(name="c"))


def form_of(environment: Environment, grants: list[dict] = (), values: list[dict] = (), **changes: object) -> dict:
    fields = ["name", "order", "namespace", "required_approvals", "approval_hours", "progress_seconds", "access_policy"]
    form = {name: getattr(environment, name) for name in fields} | {"cluster": environment.cluster_id} | changes
    for prefix, rows in (("grants", grants), ("configuration", values)):
        known = sum("id" in row for row in rows)
        form |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": known}
        for index, row in enumerate(rows):
            form |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
            form[f"{prefix}-{index}-environment"] = environment.pk
    return form


def save(client: Client, environment: Environment, **parts: object):
    return client.post(f"{ENVIRONMENTS}{environment.pk}/change/", form_of(environment, **parts))


def told() -> list[dict]:
    return AuditEntry.objects.get(verb="environment.changed").data["changes"]


def all_values_told(entry: AuditEntry) -> list[list[str]]:
    """[before, after] of every value that an entry of the history tells of."""
    return [change["fields"]["text"] for change in entry.data["changes"] if "text" in change.get("fields", {})]


def values_told(entry: AuditEntry) -> list[str]:
    (told,) = all_values_told(entry)
    return told


def forms_over_encrypted_fields() -> list[type]:
    """The forms of the administration, inlines included, in which a text becomes the value of an encrypted field."""
    found = [each for one in site._registry.values() for each in (one, *(inline for inline in one.inlines))]
    forms = {
        each.form for each in found if any(isinstance(field, EncryptedTextField) for field in each.model._meta.fields)
    }
    return sorted(forms - {ModelForm}, key=lambda form: form.__name__)


class TestEnvironment:
    def test_a_changed_rule_is_told_with_its_values(self, client: Client, root: User, dev: Environment) -> None:
        assert save(client, dev, required_approvals=2).status_code == 302
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.environment, entry.actor) == ("environment.changed", "dev", "root")
        assert entry.data["changes"][0]["fields"]["required_approvals"] == ["0", "2"]

    def test_a_grant_is_told(self, client: Client, root: User, dev: Environment) -> None:
        assert save(client, dev, grants=[{"role": "approver", "user": root.pk}]).status_code == 302
        assert Grant.objects.get().role == Role.APPROVER
        assert any(change.get("fields", {}).get("role") == ["", "approver"] for change in told())

    def test_a_plain_value_is_shown(self, client: Client, root: User, dev: Environment) -> None:
        assert save(client, dev, values=[{"key": "LEVEL", "text": "debug"}]).status_code == 302
        assert ConfigurationEntry.objects.get().value == "debug"
        assert "debug" in client.get(f"{ENVIRONMENTS}{dev.pk}/change/").content.decode()


class TestValuesInTheHistory:
    """Values typed without the box "sensitive" are no less secret for that: the history has hashes of all of them."""

    @pytest.mark.parametrize("sensitive", [{}, {"sensitive": "on"}], ids=["plain", "sensitive"])
    def test_a_value_is_told_as_a_hash_from_the_first_to_the_last(
        self, client: Client, root: User, dev: Environment, sensitive: dict
    ) -> None:
        for text in ("typed-first", "typed-second", "typed-first"):
            known = {"id": entry.pk} if (entry := ConfigurationEntry.objects.first()) else {}
            assert save(client, dev, values=[{"key": "K", "text": text} | sensitive | known]).status_code == 302
        assert ConfigurationEntry.objects.get().value == "typed-first"
        assert "typed" not in str([list(model.objects.values()) for model in (AuditEntry, LogEntry)])
        first, second, third = (values_told(entry) for entry in AuditEntry.objects.order_by("number"))
        assert first[0] == ""
        assert first[1] == second[0] == third[1] != second[1] == third[0]
        assert first[1].startswith("hmac-sha256:")

    def test_a_hash_confirms_no_guess_in_another_environment_or_entry(
        self, client: Client, root: User, dev: Environment
    ) -> None:
        prod = Environment.objects.create(name="prod", cluster=dev.cluster)
        save(client, prod, values=[{"key": "K", "text": "the same"}])
        save(client, dev, values=[{"key": "K", "text": "the same"}, {"key": "L", "text": "the same"}])
        hashes = [values[1] for entry in AuditEntry.objects.all() for values in all_values_told(entry)]
        assert len(set(hashes)) == len(hashes) == 3

    def test_a_new_value_is_sensitive_unless_somebody_says_otherwise(
        self, client: Client, root: User, dev: Environment
    ) -> None:
        page = client.get(f"{ENVIRONMENTS}{dev.pk}/change/")
        inline = next(each for each in page.context["inline_admin_formsets"] if each.opts.model is ConfigurationEntry)
        assert inline.formset.empty_form["sensitive"].initial is True
        assert ConfigurationEntry.objects.create(environment=dev, key="K", value="v").sensitive

    @pytest.mark.parametrize("form", forms_over_encrypted_fields(), ids=lambda form: form.__name__)
    def test_every_form_that_fills_an_encrypted_field_says_what_the_history_may_have_of_it(self, form: type) -> None:
        fields = [*getattr(form, "secret_fields", ()), *getattr(form, "value_fields", ())]
        assert fields
        assert set(fields) <= form.base_fields.keys()


class TestSensitiveValue:
    @pytest.fixture
    def entry(self, dev: Environment) -> ConfigurationEntry:
        return ConfigurationEntry.objects.create(environment=dev, key="PASSWORD", value="hush-hush", sensitive=True)

    def row(self, entry: ConfigurationEntry, **changes: object) -> dict:
        return {"id": entry.pk, "key": "PASSWORD", "sensitive": "on", "text": ""} | changes

    def test_it_is_never_shown(self, client: Client, root: User, entry: ConfigurationEntry) -> None:
        assert "hush-hush" not in client.get(f"{ENVIRONMENTS}{entry.environment_id}/change/").content.decode()

    def test_an_empty_field_keeps_it(self, client: Client, root: User, entry: ConfigurationEntry) -> None:
        assert save(client, entry.environment, values=[self.row(entry, key="PASSWORT")]).status_code == 302
        entry.refresh_from_db()
        assert (entry.key, entry.value) == ("PASSWORT", "hush-hush")

    def test_a_new_one_is_kept_and_not_told(self, client: Client, root: User, entry: ConfigurationEntry) -> None:
        assert save(client, entry.environment, values=[self.row(entry, text="new-hush")]).status_code == 302
        entry.refresh_from_db()
        assert entry.value == "new-hush"
        assert "hush" not in str(AuditEntry.objects.values().get())

    def test_a_first_one_is_not_told(self, client: Client, root: User, dev: Environment) -> None:
        save(client, dev, values=[{"key": "K", "text": "hush", "sensitive": "on"}])
        assert ConfigurationEntry.objects.get().value == "hush"
        assert "hush" not in str(AuditEntry.objects.values().get())

    def test_it_cannot_be_uncovered(self, client: Client, root: User, entry: ConfigurationEntry) -> None:
        row = self.row(entry)
        del row["sensitive"]
        answer = save(client, entry.environment, values=[row])
        assert answer.status_code == 200
        assert "give it anew" in answer.content.decode()
        entry.refresh_from_db()
        assert entry.sensitive


def test_the_password_of_a_registry_account_goes_in_and_never_comes_out(client: Client, root: User) -> None:
    address = "/admin/environments/registryaccount/"
    form = {"registry": "registry.example:5000", "username": "robot", "secret": "hunter2"}
    assert client.post(f"{address}add/", form).status_code == 302
    account = RegistryAccount.objects.get()
    assert account.password == "hunter2"
    client.post(f"{address}{account.pk}/change/", {**form, "username": "robot2", "secret": ""})
    account.refresh_from_db()
    assert (account.username, account.password) == ("robot2", "hunter2")
    assert "hunter2" not in client.get(f"{address}{account.pk}/change/").content.decode()
    assert "hunter2" not in str(list(AuditEntry.objects.values()))


class TestPrometheus:
    def test_a_service_of_the_cluster_may_be_named_without_a_dot(
        self, client: Client, root: User, dev: Environment
    ) -> None:
        assert save(client, dev, prometheus="http://prometheus:9090").status_code == 302
        dev.refresh_from_db()
        assert dev.prometheus == "http://prometheus:9090"

    @pytest.mark.parametrize("address", ["prometheus:9090", "ftp://prometheus", "http://user:word@prometheus"])
    def test_what_is_no_address_is_refused(self, client: Client, root: User, dev: Environment, address: str) -> None:
        page = save(client, dev, prometheus=address)
        assert "An address such as http://prometheus.monitoring:9090 is needed." in page.content.decode()

    def test_its_token_goes_in_and_never_comes_out(self, client: Client, root: User, dev: Environment) -> None:
        assert save(client, dev, secret="word-of-prometheus").status_code == 302
        assert save(client, dev, required_approvals=1).status_code == 302
        dev.refresh_from_db()
        assert dev.prometheus_token == "word-of-prometheus"
        assert "word-of-prometheus" not in client.get(f"{ENVIRONMENTS}{dev.pk}/change/").content.decode()
        assert "word-of-prometheus" not in json.dumps([entry.data for entry in AuditEntry.objects.all()])
