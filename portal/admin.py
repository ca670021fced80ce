"""The kernel in the admin: people, groups, tokens, the history, and calls to other systems."""

from datetime import timedelta
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal import audit, tokens
from portal.actors import Actor
from portal.admin_audit import AuditedAdmin, ReadOnlyAdmin
from portal.admin_once import show_once
from portal.models import ApiToken, AuditEntry, OutgoingCall
from portal.roles import Verb

LIFETIME = timedelta(days=90)

admin.site.unregister([User, Group])
# The queue is ours to fill: in its own admin a task could name any function of any module.
admin.site.unregister(
    [model for model in apps.get_app_config("django_q").get_models() if admin.site.is_registered(model)]
)


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    """People. Only a superuser changes superusers, or who is one."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser", "user_permissions", "groups")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)


@admin.register(Group)
class TeamAdmin(AuditedAdmin, GroupAdmin):
    """Groups, whose members share grants in environments."""


class TokenForm(forms.ModelForm):
    """What a token is asked with; its text is made, not given."""

    environments = forms.CharField(required=False, help_text="Names, comma-separated; empty: all that the person may.")
    verbs = forms.MultipleChoiceField(
        choices=Verb.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: all that the person may.",
    )

    class Meta:
        model = ApiToken
        fields = ["name", "user", "environments", "verbs", "expires_at"]

    def clean_environments(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["environments"].split(",") if name.strip()]

    def clean_expires_at(self) -> Any:
        if self.cleaned_data["expires_at"] <= timezone.now():
            raise forms.ValidationError("A token has to expire in the future.")
        return self.cleaned_data["expires_at"]


@admin.register(ApiToken)
class TokenAdmin(admin.ModelAdmin):
    """Tokens: issued, shown once, revoked; never changed and never removed."""

    form = TokenForm
    list_display = ["name", "user", "prefix", "environments", "verbs", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["user", "revoked_at"]
    search_fields = ["name", "prefix", "user__username"]
    exclude = ["hash"]
    actions = ["revoke"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, "expires_at": timezone.now() + LIFETIME}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "user" and not request.user.is_superuser:
            options["queryset"] = User.objects.filter(username=request.user.get_username())
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        found = super().get_queryset(request)
        return found if request.user.is_superuser else found.filter(user=request.user)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: TokenForm, _change: bool) -> None:
        asked = form.cleaned_data
        text, token = tokens.issue(
            asked["user"],
            asked["name"],
            asked["environments"],
            asked["verbs"],
            asked["expires_at"],
            actor=Actor.of(request.user),
        )
        obj.pk, obj.prefix = token.pk, token.prefix
        request.issued = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, _post_url_continue: str | None = None) -> HttpResponse:
        return show_once(self, request, obj, "Token", request.issued)  # type: ignore[attr-defined]

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        for token in chosen:
            tokens.revoke(token, actor=Actor.of(request.user))
        self.message_user(request, f"{len(chosen)} revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_apitoken")

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The history as it is stored; /history is the page for people."""

    list_display = ["number", "at", "actor", "verb", "target", "environment", "application"]
    list_filter = ["verb", "environment", "application", "actor_kind"]
    search_fields = ["actor", "target", "verb"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(OutgoingCall)
class OutgoingCallAdmin(ReadOnlyAdmin):
    """Calls to other systems and how they went; headers, which may carry credentials, are not shown."""

    list_display = ["key", "url", "state", "attempts", "due_at", "answer"]
    list_filter = ["state"]
    search_fields = ["key", "url"]
    fields = ["key", "method", "url", "body", "state", "attempts", "due_at", "answer", "created_at"]
    actions = ["try_again"]

    @admin.action(description="Try again now", permissions=["again"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[OutgoingCall]) -> None:
        with transaction.atomic():
            for call in chosen.exclude(state=OutgoingCall.State.DONE):
                # The state is compared again: a worker may have made the call meanwhile.
                same = OutgoingCall.objects.filter(pk=call.pk, state=call.state)
                if same.update(state=OutgoingCall.State.PENDING, attempts=0, due_at=timezone.now()):
                    audit.record("call.retried", call, {"key": call.key}, actor=Actor.of(request.user))
        self.message_user(request, "They are made again in a moment.")

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_outgoingcall")


def _may_touch(request: HttpRequest, obj: Model | None) -> bool:
    return obj is None or request.user.is_superuser or not getattr(obj, "is_superuser", False)
