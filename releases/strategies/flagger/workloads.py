"""What a plan notes of one workload that Flagger holds: an entry of its `traffic`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from environments.kube.objects import Ref
from environments.kube.traffic import Route
from releases.engine.facts import Work

TAGS = ("kind", "by", "workload", "resource")


@dataclass(frozen=True)
class FlaggerWorkload:
    """`target` is the Deployment that Flagger calls so; its twin that serves is TARGET-primary.

    `first`: Flagger gets it only once this release is up, since nothing sound runs before. `replicas`: how many pods
    the bundle wants, None where an autoscaler or nobody says. `seconds`: how long an analysis may take.
    `given`: routes that are Flagger's from now on, neither applied nor removed. `replaced`: routes that its own take
    the place of. `scalers`, `services`: keys of the bundle's objects that Flagger reads, or has taken over.
    """

    kind: ClassVar[str] = "flagger"
    sides: ClassVar[None] = None

    target: Ref
    canary: Ref
    first: bool = False
    replicas: int | None = None
    interval: float = 60.0
    seconds: float = 600.0
    threshold: int = 1
    hosts: tuple[str, ...] = ()
    given: tuple[Ref, ...] = ()
    replaced: tuple[str, ...] = ()
    scalers: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    route: Mapping[str, Any] = field(default_factory=dict)
    """By what the requests are moved, as environments.kube.traffic.Route has it; {} where only Flagger knows."""

    @property
    def workload(self) -> str:
        return self.target.name

    @property
    def primary(self) -> Ref:
        return self.target._replace(name=f"{self.target.name}-primary")

    @property
    def handed_over(self) -> tuple[Ref, ...]:
        return self.given

    @property
    def moved_by(self) -> Route | None:
        return Route.from_json(self.route) if self.route else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for from_json."""
        data = asdict(self)
        data |= {"target": list(self.target), "given": [list(ref) for ref in self.given], "route": dict(self.route)}
        # Not "canary": by that name others know the Deployment of a canary.
        data["resource"] = list(data.pop("canary"))
        lists = {name: list(data[name]) for name in ("hosts", "replaced", "scalers", "services")}
        return {"kind": self.kind, "workload": self.workload, **data, **lists}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FlaggerWorkload":
        """What to_json gave."""
        rest = {name: value for name, value in data.items() if name not in TAGS}
        tuples = {name: tuple(rest[name]) for name in ("hosts", "replaced", "scalers", "services")}
        refs = {"target": Ref(*rest["target"]), "canary": Ref(*data["resource"])}
        return cls(**{**rest, **tuples, **refs, "given": tuple(Ref(*ref) for ref in rest["given"])})


def held_by(work: Work) -> tuple[FlaggerWorkload, ...]:
    """Every workload of a plan that Flagger holds."""
    return tuple(FlaggerWorkload.from_json(entry) for entry in work.traffic if _is_one(entry))


def _is_one(entry: Mapping[str, Any]) -> bool:
    # Plans of before have the tag as "by".
    return FlaggerWorkload.kind in (entry.get("kind"), entry.get("by"))


def indices(work: Work, keys: Iterable[str]) -> tuple[int, ...]:
    """The objects of a plan with these keys, in the plan's order."""
    wanted = set(keys)
    return tuple(target.index for target in work.targets if target.key in wanted)


def names_of(held: Sequence[FlaggerWorkload]) -> str:
    return ", ".join(each.workload for each in held)
