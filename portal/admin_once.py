"""A page of the admin that shows a secret once: in the answer itself, since messages are kept in cookies."""

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse


def show_once(admin: ModelAdmin, request: HttpRequest, obj: Model, what: str, secret: str) -> HttpResponse:
    """`what` (Token, Secret) of an object, with the way back to its list."""
    opts = admin.opts
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{what} of {obj}",
        "what": what,
        "secret": secret,
        "opts": opts,
        "back": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
    return TemplateResponse(request, "admin/secret_once.html", context, headers={"Cache-Control": "no-store"})
