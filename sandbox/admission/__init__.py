"""What refuses writes, or fills them in: limits, quotas, pod security, policies, webhooks that cannot be reached."""

from sandbox.admission.limits import LimitRanger
from sandbox.admission.podsecurity import PodSecurity
from sandbox.admission.policies import Policies
from sandbox.admission.priority import Priority
from sandbox.admission.quota import Quotas
from sandbox.admission.webhooks import Webhooks
from sandbox.admission_chain import Admission
from sandbox.store import Store


def install(admission: Admission, store: Store) -> None:
    """The guards in the order in which a real server asks them."""
    webhooks, limits = Webhooks(store), LimitRanger(store)
    admission.mutating += [limits.fill_in, webhooks.mutate]
    admission.validating += [
        Priority(store).check,
        limits.check,
        PodSecurity(store).check,
        Policies(store).check,
        webhooks.validate,
        Quotas(store).check,
    ]
