"""Applications whose rollouts go well, fail, are aborted or paused, over and over, while processes are killed."""

import contextlib
import random
from dataclasses import dataclass, field
from typing import Literal

from environments.models import Environment
from portal.actors import SYSTEM, Actor
from releases import actions, ingest
from releases.models import Application, Rollout
from releases.states import ENDED, InvalidTransition, Phase
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import packed

Kind = Literal["good", "bad", "abort", "pause"]
RIGHT: dict[Kind, set[Phase]] = {
    "good": {Phase.SUCCEEDED},
    "bad": {Phase.ROLLED_BACK},
    "abort": {Phase.ABORTED, Phase.SUCCEEDED},
    "pause": {Phase.SUCCEEDED},
}


@dataclass
class Told:
    """One rollout, what was meant to become of it, and the version that has to run when it has ended."""

    rollout: Rollout
    kind: Kind
    asked: bool = False
    resumed: bool = False


@dataclass
class Tale:
    """One application and its rollouts so far; one at a time."""

    application: Application
    environment: Environment
    registry: str
    person: Actor
    told: list[Told] = field(default_factory=list)
    running: str = ""

    def tend(self, *, more: bool) -> bool:
        """Does what is to be done next; whether a rollout is under way."""
        current = self.told[-1] if self.told else None
        if current:
            current.rollout.refresh_from_db()
        if current is None or Phase(current.rollout.phase) in ENDED:
            self._settle(current)
            if not more:
                return False
            self._ask("good" if len(self.told) == 0 else random.choice(("good", "bad", "abort", "pause")))
            return True
        self._interfere(current)
        return True

    def _settle(self, current: Told | None) -> None:
        if current and current.rollout.phase == Phase.SUCCEEDED:
            self.running = current.rollout.release.version

    def _ask(self, kind: Kind) -> None:
        number = len(self.told) + 1
        files = {
            "base/settings.yaml": config(VERSION=f"v{number}"),
            "base/web.yaml": deployment("web", "shop/web", replicas=1),
            f"base/extra{number % 2}.yaml": config(f"extra{number % 2}"),
        }
        tag = "bad" if kind == "bad" else "1" if number % 2 else "2"
        bundle = ingest.store_bundle(SYSTEM, self.application, packed(files), "b.tar.gz")
        images = {"shop/web": f"{self.registry}/shop/web:{tag}"}
        release, _ = ingest.create_release(SYSTEM, self.application, f"v{number}", images, bundle=bundle)
        actor = SYSTEM.granted([self.environment.name], ["request"])
        rollout = actions.request(actor, release, self.environment, parameters={"fatalGraceSeconds": 1})
        self.told.append(Told(rollout, kind))

    def _interfere(self, current: Told) -> None:
        rollout = current.rollout
        with contextlib.suppress(InvalidTransition):
            if current.kind in ("abort", "pause") and not current.asked and rollout.phase == Phase.PROGRESSING:
                current.asked = True
                (actions.abort if current.kind == "abort" else actions.pause)(self.person, rollout)
            elif current.kind == "pause" and not current.resumed and rollout.phase == Phase.PAUSED:
                current.resumed = True
                actions.resume(self.person, rollout)


def wrong(tale: Tale) -> list[str]:
    """What did not end as it was meant to."""
    return [
        f"{told.rollout} ({told.kind}) is {told.rollout.phase}: {told.rollout.why}"
        for told in tale.told
        if Phase(told.rollout.phase) not in RIGHT[told.kind]
    ]
