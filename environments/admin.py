"""Clusters and environments in the admin. Credentials and sensitive values go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from environments import clusters
from environments.admission import checks
from environments.admission.levels import parse
from environments.clusters import ConnectError, Examined
from environments.models import Cluster, ConfigurationEntry, Environment, Grant, RegistryAccount, RegistrySetting
from environments.policy import weakening
from environments.policy.admin import HoldingAdmin, keep_back_grants
from environments.policy.forms import GrantForm, PolicyForm
from environments.policy.guarding import RIGHT, is_guarded
from portal.actors import Actor
from portal.admin_audit import AuditedAdmin
from portal.admin_secrets import Secret, SecretsForm, field_value, secret_input


class WriteOnly(forms.Textarea):
    """A text that goes in and never comes out, not even beside an error."""

    def format_value(self, _value: Any) -> str:
        return ""


class ClusterForm(forms.ModelForm):
    """A name and a way in. `examined` is what was found there before the form's transaction began."""

    secret_fields = ("kubeconfig",)
    examined: Examined | ConnectError | None = None

    kubeconfig = forms.CharField(
        required=False,
        strip=False,
        widget=WriteOnly(attrs={"rows": 12, "class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Pasted whole. It is checked, kept encrypted, and never shown again.",
    )
    context = forms.CharField(required=False, help_text="A context other than the kubeconfig's current one.")

    class Meta:
        model = Cluster
        fields = ["name", "in_cluster"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if isinstance(self.examined, ConnectError):
            self.add_error("in_cluster" if cleaned.get("in_cluster") else "kubeconfig", str(self.examined))
        elif self.examined and (guarded := self._moved()):
            names = ", ".join(map(str, guarded))
            self.add_error(
                None,
                f"That is another cluster, and releases into {names} need approvals. Connect it under another name, "
                "and move the environments there, which takes a second person.",
            )
        elif self.examined is None and self.instance.pk is None:
            self.add_error("kubeconfig", "Paste a kubeconfig, or choose the cluster that the portal runs in.")
        return cleaned

    def _moved(self) -> list[Environment]:
        """Environments with approvals that a new kubeconfig would send somewhere else."""
        kept = self.instance
        if not (kept.pk and kept.server and isinstance(self.examined, Examined)):
            return []
        found = self.examined.access.server
        return list(kept.environments.filter(required_approvals__gt=0)) if found != kept.server else []


@admin.register(Cluster)
class ClusterAdmin(AuditedAdmin):
    """A cluster is asked before it is kept, outside the transaction that keeps it."""

    form = ClusterForm
    list_display = ["name", "server", "breaker", "watch", "trouble"]
    readonly_fields = ["server", "breaker", "watch", "trouble", "state_since", "created_at"]
    fields = ["name", "in_cluster", "kubeconfig", "context", *readonly_fields]
    search_fields = ["name", "server"]

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any) -> Any:
        if request.method == "POST" and self._may_save(request, object_id):
            request.examined = _examine(request)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, *args, **options)

    def get_readonly_fields(self, _request: HttpRequest, obj: Model | None = None) -> Any:
        return ["name", *self.readonly_fields] if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change, **options)
        return type(form.__name__, (form,), {"examined": getattr(request, "examined", None)})

    def save_model(self, request: HttpRequest, obj: Cluster, form: ClusterForm, change: bool) -> None:
        if isinstance(form.examined, Examined):
            connected = clusters.register(obj.name, form.examined, actor=Actor.of(request.user))
            obj.__dict__.update(connected.cluster.__dict__)
            if connected.missing:
                self.message_user(request, connected.cluster.trouble, "WARNING")
        else:
            super().save_model(request, obj, form, change)

    def _may_save(self, request: HttpRequest, object_id: str | None) -> bool:
        return self.has_change_permission(request) if object_id else self.has_add_permission(request)


class RegistryAccountForm(SecretsForm):
    """An account at a registry; its password goes there and nowhere else."""

    secrets = (Secret("secret", "password", goes_to=field_value("registry")),)
    secret = secret_input("Password or token", "Kept encrypted, and never shown again. Empty: stays as it is.")

    class Meta:
        model = RegistryAccount
        fields = ["registry", "username"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk is None and not cleaned.get("secret"):
            self.add_error("secret", "A new account needs its password or token.")
        return cleaned


@admin.register(RegistryAccount)
class RegistryAccountAdmin(AuditedAdmin):
    """Accounts at registries whose images are not public."""

    form = RegistryAccountForm
    list_display = ["registry", "username"]


class RegistrySettingForm(SecretsForm):
    """How a registry is asked; the login goes to its proxy and nowhere else."""

    secrets = (Secret("secret", "proxy_login", goes_to=field_value("proxy"), forget="forget"),)
    secret = secret_input(
        "Login at the proxy", "USER:PASSWORD. Kept encrypted, and never shown again. Empty: stays as it is."
    )
    forget = forms.BooleanField(label="Forget the login", required=False)

    class Meta:
        model = RegistrySetting
        fields = ["registry", "digests", "mirror", "trusted_hosts", "proxy", "authorities"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        login = cleaned.get("secret")
        if login and not cleaned.get("proxy"):
            self.add_error("secret", "There is no proxy to sign in at.")
        elif login and ":" not in login:
            self.add_error("secret", "It has to be USER:PASSWORD.")
        return cleaned


@admin.register(RegistrySetting)
class RegistrySettingAdmin(AuditedAdmin):
    """Registries that are asked by a mirror or a proxy, or not at all."""

    form = RegistrySettingForm
    list_display = ["registry", "digests", "mirror", "proxy"]
    fields = ["registry", "digests", "mirror", "trusted_hosts", "proxy", "secret", "forget", "authorities"]


class GrantInline(admin.TabularInline):
    """Who may do what in the environment."""

    model = Grant
    form = GrantForm
    extra = 0
    autocomplete_fields = ["user", "group"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        made = super().get_formset(request, obj, **options)
        made.form = type(made.form.__name__, (made.form,), {"asker": request.user})
        return made

    def has_view_permission(self, request: HttpRequest, _obj: Model | None = None) -> bool:
        return request.user.has_perm("environments.view_environment")

    def has_add_permission(self, request: HttpRequest, _obj: Model | None = None) -> bool:
        return request.user.has_perm(RIGHT)

    def has_change_permission(self, request: HttpRequest, _obj: Model | None = None) -> bool:
        return request.user.has_perm(RIGHT)

    def has_delete_permission(self, request: HttpRequest, _obj: Model | None = None) -> bool:
        return request.user.has_perm(RIGHT)


class ConfigurationForm(forms.ModelForm):
    """An entry; a sensitive value is never shown, and an empty field keeps it. The history has hashes of values."""

    value_fields = ("text",)
    # Not named `value`: admin refuses a field that the model itself does not edit.
    text = forms.CharField(
        label="Value", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"})
    )

    class Meta:
        model = ConfigurationEntry
        fields = ["application", "config_map", "key", "sensitive"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.values_before = {"text": self.instance.value} if self.instance.pk else {}
        if self._kept_secret():
            self.fields["text"].help_text = "Kept secret. Empty: stays as it is."
        elif self.instance.pk:
            self.fields["text"].initial = self.initial["text"] = self.instance.value

    @property
    def value_scope(self) -> tuple[str | int, ...]:
        """The one entry: hashes of others, and of other environments, tell nothing of its value."""
        entry = self.instance
        return entry.environment_id, entry.application, entry.config_map, entry.key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self._kept_secret() and not cleaned.get("text") and not cleaned.get("sensitive"):
            self.add_error("text", "To show a value that was kept secret, give it anew.")
        return cleaned

    def save(self, commit: bool = True) -> ConfigurationEntry:
        if not (self._kept_secret() and not self.cleaned_data["text"]):
            self.instance.value = self.cleaned_data["text"]
        saved: ConfigurationEntry = super().save(commit)
        return saved

    def _kept_secret(self) -> bool:
        return bool(self.instance.pk and self.initial.get("sensitive"))


class ConfigurationInline(admin.TabularInline):
    """The environment's own layer of values."""

    model = ConfigurationEntry
    form = ConfigurationForm
    fields = ["application", "config_map", "key", "text", "sensitive"]
    extra = 0


class EnvironmentForm(SecretsForm, PolicyForm):
    """An environment; the token for its Prometheus goes there and nowhere else."""

    secrets = (Secret("secret", "prometheus_token", goes_to=field_value("prometheus"), forget="forget"),)
    secret = secret_input(
        "Prometheus token",
        "Where Prometheus asks for one. Kept encrypted, and never shown again. Empty: stays as it is.",
    )
    forget = forms.BooleanField(label="Forget the token", required=False)

    def clean_admission_rules(self) -> str:
        text: str = self.cleaned_data["admission_rules"]
        try:
            parse(text, checks())
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return text


@admin.register(Environment)
class EnvironmentAdmin(HoldingAdmin, AuditedAdmin):
    """An environment, its rules, who may do what in it, and its values. Weaker rules take a second person."""

    kind = "environment"
    form = EnvironmentForm
    list_display = ["name", "order", "cluster", "namespace", "required_approvals"]
    list_filter = ["cluster"]
    search_fields = ["name", "title"]
    inlines = [GrantInline, ConfigurationInline]
    fieldsets = [
        (None, {"fields": ["name", "title", "order", "cluster", "namespace", "more_namespaces"]}),
        ("Kinds", {"fields": ["allowed_kinds", "more_kinds"]}),
        (
            "Approvals",
            {"fields": ["required_approvals", "approval_hours", "start_when_approved", "rollback_needs_approval"]},
        ),
        ("Admission", {"fields": ["admission", "admission_rules", "allowed_registries", "hosts"]}),
        ("Rollouts", {"fields": ["create_namespaces", "progress_seconds", "roll_back_on_failure"]}),
        ("Metrics", {"fields": ["prometheus", "secret", "forget"]}),
        ("About", {"fields": ["purpose", "data_policy", "monitoring", "access_policy", "resources"]}),
    ]

    def audit_place(self, obj: Model) -> dict[str, str]:
        return {"environment": str(obj)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the right to change them, the approvals; where there are any, also where it goes."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.has_perm(RIGHT):
            return fields
        return (*fields, *(weakening.FIELDS if obj and is_guarded(obj) else weakening.APPROVALS))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        # As it was before this form: who made it or gave it approvals just now may name those who approve, too.
        before = form.initial.get("required_approvals", form.instance.required_approvals)
        if change and formset.model is Grant and before > 0:
            keep_back_grants(request, form.instance, formset)
        super().save_formset(request, form, formset, change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not while it has approvals: fewer of them take a second person."""
        return super().has_delete_permission(request, obj) and not (isinstance(obj, Environment) and is_guarded(obj))


def _examine(request: HttpRequest) -> Examined | ConnectError | None:
    try:
        if request.POST.get("in_cluster"):
            return clusters.examine_in_cluster()
        if given := request.POST.get("kubeconfig", "").strip():
            return clusters.examine(given, request.POST.get("context") or None)
    except ConnectError as error:
        return error
    return None
