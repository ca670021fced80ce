"""Signing in and out, one's own account with its tokens, and the pages that set a password."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal import audit, tokens
from portal.actors import Actor
from portal.models import ApiToken
from portal.people import door, passwords, voice

TOKEN_DAYS = 90
MOST_DAYS = 365
SHOWN = 50


class ThrottledForm(forms.Form):
    """A form that looks at a password only where the door lets it."""

    paused = False

    def look(self, request: HttpRequest | None, name: str, ask: Any) -> Any:
        """What `ask` gives; ValidationError in a pause, and what it raises where the password is wrong."""
        assert request is not None
        tried = door.at_door(request, name)
        try:
            door.enter(tried)
        except door.Paused as paused:
            self.paused = True
            raise ValidationError(str(paused), code="paused") from None
        try:
            found = ask()
        except ValidationError:
            door.failed(tried)
            raise
        door.succeeded(tried)
        return found


class SignInForm(ThrottledForm, AuthenticationForm):
    """Name and password."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if name is None or not self.cleaned_data.get("password"):
            return self.cleaned_data
        cleaned: dict[str, Any] = self.look(self.request, name, super().clean)
        return cleaned


class OwnPasswordForm(ThrottledForm, PasswordChangeForm):
    """The old password once, the new one twice."""

    request: HttpRequest | None = None

    def clean_old_password(self) -> str:
        old: str = self.look(self.request, self.user.get_username(), super().clean_old_password)
        return old

    def save(self, commit: bool = True) -> Any:  # noqa: ARG002
        passwords.change_own(self.user, self.cleaned_data["new_password1"])
        return self.user


class LinkPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """The new password twice."""

    def save(self, commit: bool = True) -> Any:  # noqa: ARG002
        passwords.set_by_link(self.user, self.cleaned_data["new_password1"])
        return self.user


class SignIn(auth.LoginView):
    """One door for the portal and its administration."""

    template_name = "sign_in.html"
    authentication_form = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if request.user.is_authenticated and self.get_success_url().startswith("/admin") and not request.user.is_staff:
            raise PermissionDenied(f"{request.user} has no part in the administration. Sign in as somebody who has.")
        if request.user.is_authenticated and request.method == "GET":
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **options)  # type: ignore[return-value]

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        with transaction.atomic():
            login(self.request, user)
            audit.record(
                "user.signed-in", user, {"address": door.network(door.address_of(self.request))}, actor=Actor.of(user)
            )
        answer = HttpResponseRedirect(self.get_success_url())
        door.remember(self.request, answer, user)
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=_status(form))


class SignOut(auth.LogoutView):
    """Ends the session."""

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if request.user.is_authenticated:
            with transaction.atomic():
                audit.record("user.signed-out", request.user, actor=Actor.of(request.user))
                logout(request)
        return super().post(request, *args, **options)


class ChangePassword(auth.PasswordChangeView):
    """One's own password, by the old one. This session goes on, every other and all tokens end."""

    template_name = "password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("account")
    extra_context = {"page": "account", "heading": "Change your password"}

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.save()
        update_session_auth_hash(self.request, user)
        messages.success(self.request, "Your password is changed. Other sessions and all your tokens have ended.")
        return HttpResponseRedirect(str(self.success_url))

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=_status(form))


class SetPassword(auth.PasswordResetConfirmView):
    """Where a link leads: its owner sets the password."""

    template_name = "password.html"
    form_class = LinkPasswordForm
    success_url = reverse_lazy("sign-in")
    extra_context = {"heading": "Set your password"}

    def get_user(self, uidb64: str) -> Any:
        found = super().get_user(uidb64)
        return found if found and found.is_active and not voice.is_service(found) else None

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        messages.success(self.request, "Your password is set. Sign in with it.")
        return answer


class OwnTokenForm(forms.Form):
    """What a token of one's own is asked with."""

    name = forms.CharField(max_length=100)
    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, widget=forms.TextInput(attrs={"inputmode": "numeric"}))


@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """One's own account: password and tokens."""
    return _account(request, {"form": OwnTokenForm(initial={"days": TOKEN_DAYS})})


@login_required
@require_POST
@never_cache
def issue_token(request: HttpRequest) -> HttpResponse:
    """A token of one's own; its text stands in this answer alone."""
    form = OwnTokenForm(request.POST)
    if not form.is_valid():
        return _account(request, {"form": form}, status=422)
    ends = timezone.now() + timedelta(days=form.cleaned_data["days"])
    text, token = tokens.issue(request.user, form.cleaned_data["name"], [], [], ends)  # type: ignore[arg-type]
    return _account(request, {"form": OwnTokenForm(initial={"days": TOKEN_DAYS}), "issued": token, "text": text})


@login_required
@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends one."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    tokens.revoke(token, actor=Actor.of(request.user))
    messages.success(request, f"{token} has ended.")
    return redirect("account")


def _account(request: HttpRequest, more: dict[str, Any], status: int = 200) -> HttpResponse:
    own = ApiToken.objects.filter(user=request.user, revoked_at=None).order_by("-pk")[:SHOWN]  # type: ignore[misc]
    why = voice.why_not_theirs(request.user)  # type: ignore[arg-type]
    context = {"page": "account", "tokens": own, "no_vote": why, "now": timezone.now(), **more}
    return render(request, "account.html", context, status=status)


def _status(form: Any) -> int:
    return 429 if form.paused else 200
