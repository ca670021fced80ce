"""Who may be signed in: people, by their password. Programs have tokens."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class PersonBackend(ModelBackend):
    """Django's own, without service accounts. Each request asks it anew, so a closed account's sessions are over."""

    def user_can_authenticate(self, user: User) -> bool:  # type: ignore[override]
        return super().user_can_authenticate(user) and not hasattr(user, "service_account")

    def get_user(self, user_id: int) -> User | None:
        found = User.objects.select_related("service_account", "password_link").filter(pk=user_id).first()
        return found if found and self.user_can_authenticate(found) else None
