"""Images by digest: what a release names by tag is asked for at its registry when it is planned."""

from collections.abc import Mapping

from django.conf import settings

from environments import registry
from environments.models import RegistryAccount
from environments.outbound_sessions import registry_sessions
from releases.errors import PlanPostponed, PlanRefused


def pin(references: Mapping[str, str]) -> dict[str, str]:
    """{name: pinned reference} of {name: reference}.

    Raises PlanRefused naming every image that is absent or refused, and PlanPostponed where none is but a
    registry does not answer.
    """
    with registry_sessions() as sessions:
        answers = registry.resolve_all(
            references.values(),
            sessions=sessions,
            credentials=_accounts(),
            plain_http=settings.PLAIN_HTTP_REGISTRIES,
        )
    errors = [answer for answer in answers.values() if isinstance(answer, registry.RegistryError)]
    refused = [error.words for error in errors if not error.transient]
    if refused:
        raise PlanRefused("\n".join(refused))
    if errors:
        raise PlanPostponed("\n".join(error.words for error in errors), getattr(errors[0], "retry_after", None))
    pinned = {name: answer.pinned for name, answer in answers.items() if isinstance(answer, registry.Resolved)}
    return {name: pinned[reference] for name, reference in references.items()}


def _accounts() -> dict[str, registry.Credentials]:
    """By registry, as references name it."""
    rows = RegistryAccount.objects.all()
    return {row.registry: registry.Credentials(row.username, str(row.password)) for row in rows}
