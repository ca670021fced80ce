"""What a role may do in an environment. One table; the screens and the documentation read it too."""

from django.db import models


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    DEVELOPER = "developer", "Developer"
    APPROVER = "approver", "Approver"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


class Verb(models.TextChoices):
    VIEW = "view", "see releases, rollouts and their state"
    LOGS = "logs", "read what its workloads write and answer"
    REQUEST = "request", "request a rollout"
    APPROVE = "approve", "approve or reject a plan"
    START = "start", "start an approved rollout"
    PAUSE = "pause", "pause and resume a rollout"
    PROMOTE = "promote", "promote a rollout past a wait"
    ABORT = "abort", "abort a rollout"
    ROLLBACK = "rollback", "roll back a rollout"
    CONFIGURE = "configure", "change an environment's configuration"
    MAKE_CURRENT = "make-current", "make a bundle an application's current one (in every environment)"
    AUDIT = "audit", "read and export the audit log"


ALLOWED: dict[Role, frozenset[Verb]] = {
    Role.VIEWER: frozenset({Verb.VIEW}),
    Role.DEVELOPER: frozenset({Verb.VIEW, Verb.LOGS, Verb.REQUEST}),
    Role.APPROVER: frozenset(
        {
            Verb.VIEW,
            Verb.LOGS,
            Verb.REQUEST,
            Verb.APPROVE,
            Verb.START,
            Verb.ABORT,
            Verb.ROLLBACK,
            Verb.PAUSE,
            Verb.PROMOTE,
        }
    ),
    Role.OPERATOR: frozenset(
        {
            Verb.VIEW,
            Verb.LOGS,
            Verb.REQUEST,
            Verb.START,
            Verb.PAUSE,
            Verb.PROMOTE,
            Verb.ABORT,
            Verb.ROLLBACK,
            Verb.CONFIGURE,
            Verb.MAKE_CURRENT,
        }
    ),
    Role.AUDITOR: frozenset({Verb.VIEW, Verb.AUDIT}),
}
