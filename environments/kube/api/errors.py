"""What can go wrong at a cluster, as exceptions. Which answer is which is told by `errors`."""

from typing import ClassVar, Literal, NamedTuple

Fault = Literal["user", "cluster", "transient"]


class Cause(NamedTuple):
    """One field that the server complains about. `manager` names whose field it is, in conflicts only."""

    field: str
    message: str
    manager: str = ""


class KubeError(Exception):
    """A call that did not do what it was for.

    `words` says what a person should know, in whole sentences. `fault` is "user" (the manifest or the request
    must change), "cluster" (an administrator must change something there) or "transient" (later it may work).
    `status` is the HTTP status, 0 where there was no answer; `retry_after` is in seconds; `ambiguous` is true
    where a write may have been done all the same.
    """

    fault: Fault = "cluster"
    counts: ClassVar[bool] = False
    """Whether it says that the API server is ill: the breaker counts these."""

    def __init__(
        self,
        words: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(words)
        self.words = words
        self.status = status
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class NotFound(KubeError):
    """404: the object is not there."""


class NamespaceMissing(NotFound):
    """404: the namespace of the object is not there."""


class KindMissing(NotFound):
    """404 in plain text: the cluster knows no such kind."""


class FieldConflict(KubeError):
    """409: other managers have set these fields to other values."""

    fault: Fault = "user"


class Stale(KubeError):
    """409: the object is another one, or another version, than the decision was made on."""

    fault: Fault = "transient"


class Fenced(KubeError):
    """A newer rollout has written the object: this one must not."""

    fault: Fault = "user"


class AlreadyExists(KubeError):
    """409: an object of that name is there."""

    fault: Fault = "user"


class Rejected(KubeError):
    """400, 413, 415, 422, and 500 for a body that does not fit the schema: the manifest must change."""

    fault: Fault = "user"


class Unaddressable(KubeError):
    """Not even tried: a name, a namespace or a path would lead to another place than it names."""

    fault: Fault = "user"


class Denied(KubeError):
    """403: the credential has not the right to do this."""


class Forbidden(KubeError):
    """403 (a policy: also 422) of admission: a quota, a limit, pod security or a policy says no."""

    fault: Fault = "user"


class Unauthorized(KubeError):
    """401: the cluster does not know the credential, or no longer."""


class Terminating(KubeError):
    """403: the namespace is being deleted."""


class BeingDeleted(KubeError):
    """The object is on its way out: a write to it would be lost. It can be created anew when it has gone."""

    fault: Fault = "transient"


class Expired(KubeError):
    """410: a watch or a page starts from a version that the server has forgotten; start again."""

    fault: Fault = "transient"


class Throttled(KubeError):
    """429: too many requests, or an eviction that a disruption budget stops."""

    fault: Fault = "transient"


class ServerError(KubeError):
    """5xx."""

    fault: Fault = "transient"
    counts = True


class WebhookDown(ServerError):
    """500: an admission webhook of the cluster does not answer; the API server itself is well."""

    counts = False


class Unreachable(KubeError):
    """No answer: refused, timed out, reset, cut short."""

    fault: Fault = "transient"
    counts = True


class UntrustedCertificate(Unreachable):
    """The server's certificate is not the cluster's."""

    fault: Fault = "cluster"


class BreakerOpen(Unreachable):
    """Not even tried: too many of the last calls failed."""

    counts = False


class NotKubernetes(KubeError):
    """The address answers, but not as an API server does: a redirect, or a page of HTML."""
