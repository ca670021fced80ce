"""Applications and webhook sources in the admin; releases, rollouts and deliveries are there to look at."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from environments.access import permitted
from environments.manifests.bundle import read_bundle
from environments.manifests.errors import BundleError
from environments.models import Environment
from portal import audit
from portal.actors import Actor
from portal.admin_audit import AuditedAdmin, ReadOnlyAdmin
from portal.admin_once import show_once
from portal.admin_secrets import Secret, SecretsForm, field_value, secret_input
from portal.form_fields import JSONObjectField
from portal.outbound.urls import BadUrl, split_query
from portal.outbound.urls import read as read_url
from portal.roles import Verb
from releases import actions, ingest, strategies
from releases.models import Application, Delivery, Release, Rollout, WebhookSource
from releases.webhooks import providers


class ApplicationForm(forms.ModelForm):
    """An application, and at will a bundle that becomes its current one."""

    upload = forms.FileField(
        required=False,
        label="New bundle",
        help_text="A .tar.gz, a .zip or one YAML file; it is what releases without a bundle of their own take.",
    )

    class Meta:
        model = Application
        fields = ["name", "title", "description", "repository", "strategy", "parameters"]

    parameters = JSONObjectField(required=False, help_text=Application._meta.get_field("parameters").help_text)
    strategy = forms.ChoiceField(
        choices=lambda: [(name, strategies.find(name).title) for name in strategies.names()],
        help_text=Application._meta.get_field("strategy").help_text,
    )

    def clean(self) -> dict[str, Any]:
        """The strategy says which parameters it takes."""
        cleaned = super().clean() or self.cleaned_data
        try:
            cleaned["parameters"] = strategies.find(cleaned.get("strategy", "")).check(cleaned.get("parameters") or {})
        except ValueError as error:
            self.add_error("parameters", str(error))
        return cleaned

    def clean_upload(self) -> Any:
        given = self.cleaned_data["upload"]
        if given:
            try:
                content = given.read()
                if ingest.is_source(content, given.name):
                    raise ValidationError(ingest.RENDERED_APART)
                read_bundle(content, given.name)
            except BundleError as error:
                raise ValidationError(error.words.splitlines()) from None
        return given


@admin.register(Application)
class ApplicationAdmin(AuditedAdmin):
    """What is released as one."""

    form = ApplicationForm
    list_display = ["name", "title", "strategy", "bundle"]
    search_fields = ["name", "title"]
    readonly_fields = ["bundle"]

    def save_model(self, request: HttpRequest, obj: Application, form: ApplicationForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if given := form.cleaned_data.get("upload"):
            given.seek(0)
            actor = Actor.of(request.user)
            bundle = ingest.store_bundle(actor, obj, given.read(), given.name)
            obj.bundle = actions.make_current(actor, bundle).bundle

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Without the field for a bundle where the person may make none the current one."""
        denied = actions.why_not_current(Actor.of(request.user))
        return [name for name in super().get_fields(request, obj) if not (denied and name == "upload")]

    def audit_place(self, obj: Model) -> dict[str, str]:
        return {"application": str(obj)}


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    """An application at a version; never changes."""

    list_display = ["application", "version", "source", "created_by", "created_at"]
    list_filter = ["application"]
    search_fields = ["version", "commit"]


@admin.register(Rollout)
class RolloutAdmin(ReadOnlyAdmin):
    """A rollout's row as the orchestrator sees it; its page is /rollouts/ID."""

    list_display = ["id", "release", "environment", "phase", "why", "requested_by", "due_at", "lease_owner"]
    list_filter = ["phase", "environment", "application"]
    list_select_related = ["release__application", "environment"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Webhooks that came in and what they led to."""

    list_display = ["received_at", "source", "event", "delivery_id", "outcome", "detail"]
    list_filter = ["outcome", "source"]
    search_fields = ["delivery_id", "detail"]


def new_secret() -> str:
    """A secret in the form of Standard Webhooks, which GitHub takes as it is."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def api_of(values: Mapping[str, Any]) -> str:
    """The provider's API, which the token for commit statuses goes to; "" where none is called."""
    provider = providers.find(values.get("provider", ""))
    return provider.api(values.get("mapping") or {}) if provider else ""


class WebhookSourceForm(SecretsForm):
    """A source; its secret is made, and what it calls back with goes to the addresses that it was given for."""

    secrets = (
        Secret("signing", "secret", goes_to=field_value("callback_url"), forget="renew_secret", make=new_secret),
        Secret("query", "callback_query", goes_to=field_value("callback_url"), forget="forget_query"),
        Secret("token", "callback_token", goes_to=api_of, forget="forget_token"),
    )
    mapping = JSONObjectField(required=False, help_text=WebhookSource._meta.get_field("mapping").help_text)
    provider = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(providers.every())],
        help_text=WebhookSource._meta.get_field("provider").help_text,
    )
    callback_url = forms.URLField(
        required=False, assume_scheme="https", help_text=WebhookSource._meta.get_field("callback_url").help_text
    )
    query = secret_input(
        "Query of the callback URL",
        "What stands after its question mark, where it has one. Never shown; empty: stays as it is.",
    )
    forget_query = forms.BooleanField(label="Forget the query", required=False)
    signing = secret_input(
        "Present secret", "Only where an existing source gets another callback URL: that one is signed for with it."
    )
    renew_secret = forms.BooleanField(label="Make a new secret, and show it once", required=False)
    token = secret_input("Token", "For commit statuses at the provider's API. Never shown; empty: stays as it is.")
    forget_token = forms.BooleanField(label="Forget the token", required=False)

    class Meta:
        model = WebhookSource
        fields = ["name", "provider", "application", "mapping", "rollout_to", "callback_url", "active"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        provider = providers.find(cleaned.get("provider", ""))
        if provider and "mapping" in cleaned:
            for problem in provider.check(cleaned["mapping"]):
                self.add_error("mapping", problem)
        return cleaned

    def clean_callback_url(self) -> str:
        given: str = self.cleaned_data["callback_url"]
        if split_query(given)[1]:
            raise ValidationError(
                "What stands after the question mark has a field of its own, which is kept encrypted."
            )
        if given:
            try:
                read_url(given)
            except BadUrl as error:
                raise ValidationError(str(error)) from None
        return given


@admin.register(WebhookSource)
class WebhookSourceAdmin(AuditedAdmin):
    """Where webhooks come from. The secret is shown when it is made, and only then.

    Whoever has the secret asks for rollouts: so nobody makes or changes a source for where they may not ask themself.
    """

    form = WebhookSourceForm
    list_display = ["__str__", "application", "active", "created_at"]
    list_filter = ["provider", "application", "active"]
    filter_horizontal = ["rollout_to"]
    actions = ["renew"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        places = permitted(Actor.of(request.user), Verb.REQUEST)
        options["queryset"] = Environment.objects.filter(pk__in=[place.pk for place in places])
        return super().formfield_for_manytomany(db_field, request, **options)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_ask_for(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_ask_for(request, obj)

    def save_model(self, request: HttpRequest, obj: WebhookSource, form: WebhookSourceForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        request.remade = form.remade  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: WebhookSource, _post_url_continue: str | None = None
    ) -> HttpResponse:
        return show_once(self, request, obj, "Secret", str(obj.secret))

    def response_change(self, request: HttpRequest, obj: WebhookSource) -> HttpResponse:
        made = getattr(request, "remade", "")
        return show_once(self, request, obj, "Secret", made) if made else super().response_change(request, obj)

    @admin.action(description="Make a new secret for the selected source", permissions=["change"])
    def renew(self, request: HttpRequest, chosen: QuerySet[WebhookSource]) -> HttpResponse | None:
        if len(chosen) != 1:
            self.message_user(request, "Choose one source: its new secret is shown once.", "ERROR")
            return None
        source = chosen[0]
        if not self.has_change_permission(request, source):
            self.message_user(request, "It asks for rollouts where you may not.", "ERROR")
            return None
        with transaction.atomic():
            source.secret = new_secret()
            source.save(update_fields=["secret"])
            application = self.audit_place(source)["application"]
            audit.record("webhooksource.renewed", source, actor=Actor.of(request.user), application=application)
        return show_once(self, request, source, "Secret", source.secret)

    def audit_place(self, obj: Model) -> dict[str, str]:
        return {"application": str(getattr(obj, "application", ""))}


def _may_ask_for(request: HttpRequest, obj: Model | None) -> bool:
    if not isinstance(obj, WebhookSource):
        return True
    return set(obj.rollout_to.all()) <= set(permitted(Actor.of(request.user), Verb.REQUEST))
