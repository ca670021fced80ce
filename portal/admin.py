"""The kernel in the admin: the history, and calls to other systems. People, groups and tokens: portal.people.admin."""

from importlib import import_module

from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal import audit
from portal.actors import Actor
from portal.admin_audit import ReadOnlyAdmin
from portal.models import AuditEntry, OutgoingCall

import_module("portal.people.admin")
# The queue is ours to fill: in its own admin a task could name any function of any module.
admin.site.unregister(
    [model for model in apps.get_app_config("django_q").get_models() if admin.site.is_registered(model)]
)


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
