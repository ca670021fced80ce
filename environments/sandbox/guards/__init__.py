"""What refuses writes, or fills them in: limits, quotas, pod security, policies, webhooks that cannot be reached."""

from environments.sandbox.guards.limits import Limits
from environments.sandbox.guards.podsecurity import PodSecurity
from environments.sandbox.guards.policies import Policies
from environments.sandbox.guards.quota import Quotas
from environments.sandbox.guards.webhooks import Webhooks
from environments.sandbox.hooks import Admission
from environments.sandbox.store import Store


def install(admission: Admission, store: Store) -> None:
    """The guards in the order in which a real server asks them."""
    webhooks, limits = Webhooks(store), Limits(store)
    admission.mutating += [limits.fill_in, webhooks.mutate]
    admission.validating += [
        limits.check,
        PodSecurity(store).check,
        Policies(store).check,
        webhooks.validate,
        Quotas(store).check,
    ]
