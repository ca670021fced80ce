"""People, groups, service accounts and tokens in the admin."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from portal import tokens
from portal.actors import Actor
from portal.admin_audit import AuditedAdmin, ReadOnlyAdmin, TransactionalAdmin
from portal.admin_once import show_once
from portal.models import ApiToken, PasswordLink, ServiceAccount
from portal.people import delegation, passwords, service_accounts, voice
from portal.roles import Verb

LIFETIME = timedelta(days=90)

admin.site.unregister([User, Group])


class InvitationForm(forms.ModelForm):
    """A new account without a password: its owner sets that by the link which follows."""

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email"]
        field_classes = {"username": UsernameField}

    def clean_username(self) -> str:
        return _free(self.cleaned_data["username"])


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    """People. Nobody changes who holds more than they do, and nobody types another's password."""

    add_form = InvitationForm
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["username", "first_name", "last_name", "email"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is an account's own goes with it, though nobody deletes it alone."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        own = {str(model._meta.verbose_name) for model in (ApiToken, PasswordLink, ServiceAccount)}
        return deleted, counts, missing - own, protected

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: User, _post_url_continue: str | None = None) -> HttpResponse:
        link = passwords.issue_link(obj, actor=Actor.of(request.user))
        return show_once(self, request, obj, "Link to set the password", link)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002, ARG002
        """A link in place of a password that an administrator types."""
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404(f"There is no account {id}.")
        if not self.has_change_permission(request, user) or voice.is_service(user):
            raise PermissionDenied("This password is not yours to reset.")
        if user == request.user:
            return redirect("account-password")
        if request.method == "POST":
            link = passwords.issue_link(user, actor=Actor.of(request.user))
            return show_once(self, request, user, "Link to set the password", link)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Reset the password of {user}",
            "original": user,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/reset_password.html", context)


@admin.register(PasswordLink)
class PasswordLinkAdmin(ReadOnlyAdmin):
    """The last link of each account. A reset costs its person's vote until another administrator confirms it."""

    list_display = ["user", "reset", "issuer", "issued_at", "used_at", "confirmer", "confirmed_at"]
    list_filter = ["reset"]
    search_fields = ["user__username", "issuer"]
    actions = ["confirm"]

    @admin.action(description="Confirm that the link reached the account's owner", permissions=["confirm"])
    def confirm(self, request: HttpRequest, chosen: QuerySet[PasswordLink]) -> None:
        actor = Actor.of(request.user)
        for link in chosen.filter(reset=True, confirmed_at=None).select_related("user"):
            if why_not := self._why_not(request, link):
                self.message_user(request, f"{link}: {why_not}", "ERROR")
            else:
                passwords.confirm(link, actor=actor)
                self.message_user(request, f"{link} has a vote again.")

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("auth.change_user")

    def _why_not(self, request: HttpRequest, link: PasswordLink) -> str:
        may = _may_touch(request, link.user)
        return passwords.why_not_confirm(link, Actor.of(request.user)) if may else "You hold less than this account."


@admin.register(Group)
class TeamAdmin(AuditedAdmin, GroupAdmin):
    """Groups, whose members share grants in environments."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)


class ServiceAccountForm(forms.ModelForm):
    """A name and what it is for; the user is made with it."""

    username = forms.CharField(
        label="Name", max_length=150, validators=[UnicodeUsernameValidator()], help_text="As the history will name it."
    )

    class Meta:
        model = ServiceAccount
        fields = ["purpose"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            del self.fields["username"]

    def clean_username(self) -> str:
        return _free(self.cleaned_data["username"])


@admin.register(ServiceAccount)
class ServiceAccountAdmin(AuditedAdmin):
    """Accounts of programs. To end one, close its account among the users."""

    form = ServiceAccountForm
    list_display = ["user", "purpose", "is_active", "created_at"]
    search_fields = ["user__username", "purpose"]

    @admin.display(boolean=True, description="active")
    def is_active(self, obj: ServiceAccount) -> bool:
        return bool(obj.user.is_active)

    def get_fields(self, _request: HttpRequest, obj: Model | None = None) -> Any:
        return ["purpose"] if obj else ["username", "purpose"]

    def save_model(self, request: HttpRequest, obj: ServiceAccount, form: ServiceAccountForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        given = form.cleaned_data
        made = service_accounts.create(given["username"], given["purpose"], actor=Actor.of(request.user))
        obj.user, obj.created_at = made.user, made.created_at

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Making it has written its entry."""
        return admin.ModelAdmin.log_addition(self, request, obj, message)

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False


class TokenAdminForm(forms.ModelForm):
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
class TokenAdmin(TransactionalAdmin):
    """Tokens: issued, shown once, revoked; never changed and never removed."""

    form = TokenAdminForm
    list_display = ["name", "user", "prefix", "environments", "verbs", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["user", "revoked_at"]
    search_fields = ["name", "prefix", "user__username"]
    exclude = ["hash"]
    actions = ["revoke"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, "expires_at": timezone.now() + LIFETIME}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "user":
            options["queryset"] = _may_issue_for(request)
            options["empty_label"] = None
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        found = super().get_queryset(request)
        return found if request.user.is_superuser else found.filter(user=request.user)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: TokenAdminForm, _change: bool) -> None:
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


def _free(name: str) -> str:
    if User.objects.filter(username__iexact=name).exists():
        raise forms.ValidationError("There is an account of that name.")
    return name


def _may_issue_for(request: HttpRequest) -> QuerySet[User]:
    """Oneself; for who looks after service accounts also those."""
    own = Q(username=request.user.get_username())
    programs = Q(service_account__isnull=False, is_active=True)
    wanted = own | programs if request.user.has_perm("portal.change_serviceaccount") else own
    found = [user.pk for user in User.objects.filter(wanted) if _may_touch(request, user)]
    return User.objects.filter(pk__in=found).order_by("username")


def _may_touch(request: HttpRequest, obj: Any) -> bool:
    """Nobody changes who holds more than they do, nor a group that gives more."""
    if obj is None or request.user.is_superuser:
        return True
    held = delegation.rights_of_group(obj) if isinstance(obj, Group) else delegation.rights_of(obj)
    return delegation.rights_of(request.user).covers(held)  # type: ignore[arg-type]
