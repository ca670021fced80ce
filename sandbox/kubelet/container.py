"""One container: its pull, its runs with probes, its exits and restarts."""

import hashlib
from typing import Any, NamedTuple

from sandbox.behaviour import KEY, Behaviour, behaviour_of
from sandbox.images import Pulled, PullError
from sandbox.kubelet.context import PodContext
from sandbox.kubelet.environment import ConfigError, environment_of
from sandbox.kubelet.logs import Log
from sandbox.kubelet.probes import Prober
from sandbox.kubelet.tasks import FOREVER, Part, Task
from sandbox.meta import Object, annotations_of

_LONGEST_BACKOFF, _FORGIVEN_AFTER = 300.0, 600.0


class Exit(NamedTuple):
    code: int
    reason: str

    @property
    def name(self) -> str:
        return self.reason or ("Error" if self.code else "Completed")


class Container:
    """`life` is its task; what it says of itself is read by `status`."""

    def __init__(self, pod: PodContext, spec: Object, *, init: bool = False) -> None:
        self.pod, self.spec, self.init = pod, spec, init
        self.name: str = spec["name"]
        self.waiting: dict[str, str] | None = None
        self.running: dict[str, Any] | None = None
        self.terminated: dict[str, Any] | None = None
        self.last: dict[str, Any] = {}
        self.image = Pulled("", "")
        self.id = ""
        self.ready = self.started = self.final = False
        self.restarts = 0
        self.log = Log()
        self.previous: Log | None = None
        self.env: dict[str, str] = {}
        self.listens_at = FOREVER
        self.debt = 0.0
        self._exit: Exit | None = None
        self._task: Task | None = None
        self._prober = Prober(self)
        self._cached: tuple[tuple[str, str], Behaviour] | None = None

    @property
    def sidecar(self) -> bool:
        return self.init and self.spec.get("restartPolicy") == "Always"

    @property
    def behaviour(self) -> Behaviour:
        """The present one: the pod's annotation may change while it runs."""
        sources = (self.image.label, annotations_of(self.pod.object).get(KEY, ""))
        if self._cached is None or self._cached[0] != sources:
            found, trouble = behaviour_of(sources, self.name)
            self._cached = (sources, found)
            if trouble:
                self.say(f"behaviour: {trouble}")
        return self._cached[1]

    @property
    def runs_to_end(self) -> bool:
        policy = self.pod.object["spec"].get("restartPolicy", "Always")
        return (self.init and not self.sidecar) or (policy != "Always" and not self.sidecar)

    def serves(self, now: float) -> bool:
        """Whether it is ready by its own account."""
        after = self.behaviour.serving_after()
        return self.running is not None and after is not None and now >= self.listens_at + after

    def serves_from(self) -> float:
        after = self.behaviour.serving_after()
        return FOREVER if after is None else self.listens_at + after

    def say(self, text: str) -> None:
        self.log.add(self.pod.wall(), text)

    def begin(self) -> None:
        self._task = self.pod.start(self.life())

    def kill(self, code: int, reason: str) -> None:
        """A probe's verdict, or SIGTERM: the present run ends."""
        self._exit = Exit(code, reason)
        if self._task is not None:
            self.pod.tasks.wake(self.pod.now, self._task)

    def behaves_anew(self) -> None:
        """The annotation changed: probes may find otherwise."""
        self._prober.wake()

    def halt(self) -> None:
        """The pod ends: nothing of this container goes on."""
        self._prober.stop()
        self.pod.tasks.cancel(self._task)
        if self.running is not None:
            self._ended(self._exit or Exit(0, ""))
        self.final = True

    def life(self) -> Task:
        backoff = 1.0
        while True:
            yield from self._pull()
            yield from self._configured()
            began = self.pod.now
            code = yield from self._run()
            if not self._runs_again(code):
                self.final = True
                self.pod.wake_life()
                return
            if self.pod.now - began > _FORGIVEN_AFTER:
                backoff = 1.0
            yield from self._back_off(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)
            self._next_run()

    def _runs_again(self, code: int) -> bool:
        policy = self.pod.object["spec"].get("restartPolicy", "Always")
        if self.sidecar:
            return True
        if self.init:
            return code != 0 and policy != "Never"
        return policy == "Always" or (code != 0 and policy == "OnFailure")

    def _wait(self, reason: str, message: str = "") -> None:
        if self.terminated is not None:
            self.last = {"terminated": self.terminated}
        self.waiting = {"reason": reason, **({"message": message} if message else {})}
        self.running = self.terminated = None
        self.ready = False
        self.pod.changed()

    def _pull(self) -> Part[None]:
        backoff = 1.0
        while True:
            error = yield from self._pull_once()
            if error is None:
                return
            self._wait("ErrImagePull", error)
            yield 0.5
            image = self.spec["image"]
            self._event("Normal", "BackOff", f'Back-off pulling image "{image}"')
            self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {error}')
            yield self.pod.at_most(10 * backoff, min(backoff, 5.0))
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _pull_once(self) -> Part[str | None]:
        """Why the pull failed, or None."""
        image, cached = self.spec["image"], self.pod.node.images
        if image in cached and self.spec.get("imagePullPolicy") != "Always" and not self.behaviour.pull_error:
            self.image = cached[image]
            words = f'Container image "{image}" already present on machine'
            self._event("Normal", "Pulled", f"{words} and can be accessed by the pod")
            return None
        self._event("Normal", "Pulling", f'Pulling image "{image}"')
        yield self.behaviour.pull_seconds
        try:
            if self.behaviour.pull_error:
                raise PullError(self.behaviour.pull_error)
            self.image = cached[image] = self.pod.pull(image)
        except PullError as error:
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {error}')
            self._event("Warning", "Failed", "Error: ErrImagePull")
            return str(error)
        self._event("Normal", "Pulled", f'Successfully pulled image "{image}"')
        return None

    def _configured(self) -> Part[None]:
        while True:
            try:
                self.env = environment_of(self.pod.object, self.spec, self.pod.lookup, self.pod.facts())
            except ConfigError as error:
                self._event("Warning", "Failed", f"Error: {error}")
                self._wait("CreateContainerConfigError", str(error))
                yield 1.0
            else:
                return

    def _run(self) -> Part[int]:
        """One run, from its start to its exit code."""
        behaviour, startup = self.behaviour, self.behaviour.startup_seconds
        probed = "readinessProbe" in self.spec or "startupProbe" in self.spec
        if not (probed or behaviour.crash or self.runs_to_end):
            # Without a probe a running container counts as ready: it must then be able to answer.
            yield startup
            startup = 0.0
        self._start(startup)
        yield self._seconds_to_run(behaviour, startup)
        if self._exit is None and behaviour.crash:
            self._exit = Exit(max(behaviour.exit_code, 1), behaviour.reason)
        code = self._ended(self._exit or Exit(behaviour.exit_code, behaviour.reason))
        self._prober.stop()
        return code

    def _seconds_to_run(self, behaviour: Behaviour, startup: float) -> float:
        if behaviour.crash:
            return startup if behaviour.crash_after_seconds is None else behaviour.crash_after_seconds
        return behaviour.run_seconds if self.runs_to_end else FOREVER

    def _start(self, startup: float) -> None:
        self._exit = None
        self.id = f"simulated://{hashlib.sha256(f'{self.pod.uid}{self.name}{self.restarts}'.encode()).hexdigest()}"
        if self.terminated is not None:
            self.last = {"terminated": self.terminated}
        self.waiting = self.terminated = None
        self.running = {"startedAt": self.pod.stamp()}
        self.listens_at = self.pod.now + startup
        if self.behaviour.crash and self.behaviour.crash_after_seconds is None:
            self.listens_at = FOREVER
        self._event("Normal", "Created", f"Container created: {self.name}")
        self._event("Normal", "Started", f"Container started: {self.name}")
        for line in self.behaviour.logs:
            self.say(line)
        self._prober.begin()
        self.pod.changed()

    def _ended(self, how: Exit) -> int:
        """Writes the exit down."""
        if how.code:
            self.say(f"exit code {how.code}")
        assert self.running is not None
        self.terminated = {
            "exitCode": how.code,
            "reason": how.name,
            "startedAt": self.running["startedAt"],
            "finishedAt": self.pod.stamp(),
            "containerID": self.id,
        }
        if how.code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            self.terminated["message"] = self.log.tail(5)
        self.running, self.ready, self.started, self.listens_at = None, False, False, FOREVER
        self.pod.changed()
        return how.code

    def _back_off(self, backoff: float) -> Part[None]:
        """The pause before the next run; a kubelet makes none the first time."""
        if not self.restarts:
            yield 0.1
            return
        pause = self.pod.at_most(10 * backoff, min(backoff, 15.0))
        name, namespace = self.pod.object["metadata"]["name"], self.pod.object["metadata"]["namespace"]
        whole = f"{name}_{namespace}({self.pod.uid})"
        self._event("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {whole}")
        words = f"back-off {pause:g}s restarting failed container={self.name} pod={whole}"
        self._wait("CrashLoopBackOff", words)
        yield pause

    def _next_run(self) -> None:
        self.restarts += 1
        self.previous, self.log = self.log, Log()

    def _event(self, kind: str, reason: str, message: str) -> None:
        member = "initContainers" if self.init else "containers"
        self.pod.event(kind, reason, message, f"spec.{member}{{{self.name}}}")

    def status(self, waiting: str) -> dict[str, Any]:
        """A ContainerStatus; `waiting` is the reason of one that has not begun."""
        state: dict[str, Any] = {"waiting": self.waiting or {"reason": waiting}}
        if self.running is not None:
            state = {"running": self.running}
        elif self.terminated is not None:
            state = {"terminated": self.terminated}
        completed = self.init and self.terminated is not None and self.terminated["exitCode"] == 0
        status = {
            "name": self.name,
            "state": state,
            "lastState": self.last,
            "ready": completed or self.ready,
            "restartCount": self.restarts,
            "image": self.spec.get("image", ""),
            "imageID": self.image.id,
            "started": self.started,
        }
        return {**status, "containerID": self.id} if self.id else status
