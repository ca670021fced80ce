"""Policy changes in the admin, and what it keeps back of environments, people and groups."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.html import format_html

from environments.models import Environment, PolicyChange
from environments.policy import changes
from environments.policy.changes import NoChange
from environments.policy.forms import Held, HoldingForm, PersonForm, TeamForm
from environments.policy.guarding import who_may_confirm, why_not_decide
from portal.actors import Actor
from portal.admin_audit import ReadOnlyAdmin
from portal.people.admin import PersonAdmin, TeamAdmin


class HoldingAdmin(admin.ModelAdmin):
    """A ModelAdmin whose form keeps back what a second person confirms; `kind` is that of policy.kinds."""

    kind = ""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        return type(form.__name__, (form,), {"asker": request.user})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if isinstance(form, HoldingForm) and form.held:
            ask(request, self.kind, obj, form.held)


admin.site.unregister([User, Group])


@admin.register(User)
class GuardedPersonAdmin(HoldingAdmin, PersonAdmin):
    """People, as the portal's own admin has them; what they may do in environments with approvals takes two."""

    kind = "person"
    form = PersonForm


@admin.register(Group)
class GuardedTeamAdmin(HoldingAdmin, TeamAdmin):
    """Groups, likewise."""

    kind = "group"
    form = TeamForm


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    """What waits for a second person, and what became of it."""

    list_display = ["__str__", "environment", "state", "asked_by", "asked_at", "expires_at", "decided_by"]
    list_filter = ["state", "environment"]
    search_fields = ["what", "asked_by", "decided_by"]
    fields = ["what", "environment", "changed", "state", "asked_by", "asked_at", "expires_at"]
    fields += ["decided_by", "decided_at", "why"]
    readonly_fields = ["changed"]
    change_form_template = "admin/policy_change.html"

    @admin.display(description="changes")
    def changed(self, obj: PolicyChange) -> str:
        return "; ".join(f"{name}: {before} → {after}" for name, before, after in obj.words)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.decide)
        return [path("<int:pk>/decide/", view, name="environments_policychange_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With why this person is no second one, where they are not."""
        change = self.get_object(request, object_id)
        pending = isinstance(change, PolicyChange) and change.state == PolicyChange.State.PENDING
        why_not = why_not_decide(Actor.of(request.user), change.asker) if isinstance(change, PolicyChange) else ""
        own = pending and change.asker == request.user  # type: ignore[union-attr]
        more = {"pending": pending, "why_not": why_not, "own": own}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @transaction.atomic
    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST `verdict`: confirm or decline."""
        change = get_object_or_404(PolicyChange, pk=pk)
        if request.method != "POST" or not self.has_view_permission(request, change):
            raise PermissionDenied("A decision is a POST of who may look at policy changes.")
        try:
            self._decide(request, change)
        except NoChange as error:
            messages.error(request, str(error))
        return redirect("admin:environments_policychange_change", pk)

    def _decide(self, request: HttpRequest, change: PolicyChange) -> None:
        actor = Actor.of(request.user)
        if request.POST.get("verdict") != "confirm":
            changes.decline(change, actor=actor, why=request.POST.get("why", "")[:500])
            messages.success(request, "Declined: all stays as it is.")
            return
        decided = changes.confirm(change, actor=actor)
        if decided.state == PolicyChange.State.VOID:
            messages.error(request, f"Nothing was changed. {decided.why}")
        else:
            messages.success(request, "Confirmed: it is changed.")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("environments.change_policy") or super().has_view_permission(request, obj)


def ask(request: HttpRequest, kind: str, target: Model, held: Held) -> None:
    """Asks for what was kept back, and says who is to confirm it."""
    change = changes.ask(kind, target, held, actor=Actor.of(request.user))
    where = reverse("admin:environments_policychange_change", args=[change.pk])
    others = who_may_confirm(change.asker)
    names = ", ".join(other.get_username() for other in others[:5])
    how = (
        f"One of those who have the right confirms it: {names}."
        if names
        else f"Nobody else has the right to: `manage.py policy confirm {change.pk}` in the portal's shell is the way."
    )
    told = 'Not changed yet, since it takes a second person: <a href="{}">{}</a>. {}'
    messages.warning(request, format_html(told, where, change, how))


def keep_back_grants(request: HttpRequest, environment: Environment, formset: Any) -> None:
    """Asks for each grant that is new or changed, in place of saving it. Those that are taken away go at once."""
    for form in formset.forms:
        if form.has_changed() and not form.cleaned_data.get("DELETE"):
            ask(request, "grant", environment, form.wanted())
            form.changed_data = []
