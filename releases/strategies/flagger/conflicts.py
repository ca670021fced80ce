"""What Flagger holds and another strategy would move. Pure."""

from collections.abc import Iterable

from environments.kube.objects import Ref
from releases.errors import PlanRefused
from releases.plan.objects import Row, ref_in
from releases.strategies.flagger.resource import is_canary

NAME = "flagger"
TAKES_BACK = "rolling"


def refuse_while_held(strategy: str, previous: Row | None) -> None:
    """PlanRefused for a strategy that moves requests of what Flagger holds: it would begin with no pod of its own."""
    held = [ref_in(row).name for row in (previous or {}).get("objects", ()) if is_canary(ref_in(row))]
    if held and strategy not in (NAME, TAKES_BACK):
        raise PlanRefused(
            f"Flagger holds {', '.join(held)}. Release once with the strategy rolling, which has Flagger give it back, "
            "and with another one after that."
        )


def contested(strategy: str, refs: Iterable[Ref]) -> tuple[tuple[str, str], ...]:
    """The note of a plan that brings a Canary by another strategy: each would undo what the other does."""
    canaries = [ref.name for ref in refs if is_canary(ref)]
    if strategy == NAME or not canaries:
        return ()
    words = f"{', '.join(canaries)}: where Flagger runs, it scales the Deployment to 0 and writes its Service."
    return (("A Canary that this strategy knows nothing of", f"{words} Choose the strategy {NAME}, or take it out."),)
