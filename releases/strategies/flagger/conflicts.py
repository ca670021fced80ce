"""What Flagger holds and another strategy would move. Pure."""

from collections.abc import Iterable

from environments.kube.objects import Ref
from releases.errors import PlanRefused
from releases.plan.objects import Row, ref_in
from releases.strategies.flagger.resource import is_canary


def refuse_while_held(previous: Row | None, ways: Iterable[str]) -> None:
    """PlanRefused where Flagger holds a workload: who moves requests of it would begin with no pod of its own.

    `ways`: the strategies by which it is given back.
    """
    held = [ref_in(row).name for row in (previous or {}).get("objects", ()) if is_canary(ref_in(row))]
    if held:
        raise PlanRefused(
            f"Flagger holds {', '.join(held)}. Release once with the strategy {' or '.join(ways)}, which has Flagger "
            "give it back, and with another one after that."
        )


def contested(refs: Iterable[Ref], name: str) -> tuple[tuple[str, str], ...]:
    """The note of a plan that brings a Canary by another strategy than `name`: each would undo what the other does."""
    canaries = [ref.name for ref in refs if is_canary(ref)]
    if not canaries:
        return ()
    words = f"{', '.join(canaries)}: where Flagger runs, it scales the Deployment to 0 and writes its Service."
    return (("A Canary that this strategy knows nothing of", f"{words} Choose the strategy {name}, or take it out."),)
