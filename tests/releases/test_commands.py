"""deploy, rollback and status: what they print and with which status they end."""

import io
import threading
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from environments.models import Environment
from portal.models import AuditEntry
from releases import cli
from releases.models import Application, Release, Rollout, Step
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.world import WEB, World


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_USER", raising=False)
    monkeypatch.setattr(cli, "LOOK_EVERY", 0.01)


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


class TestDeploy:
    def test_it_asks_plans_and_shows_the_plan(self, world: World) -> None:
        world.release("1.0.0")
        said = run("deploy", "shop", "1.0.0", "dev", "--as", "developer")
        rollout = Rollout.objects.get()
        assert (rollout.phase, rollout.requested_by) == (Phase.WAITING, "developer")
        assert "shop 1.0.0 → dev is waiting" in said
        assert "create Deployment web" in said
        assert rollout.plan_digest in said

    def test_a_new_version_may_bring_its_images_and_bundle(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / "web.yaml"
        path.write_text(WEB)
        image = "web=registry.example/shop/web:3.0.0"
        run("deploy", "shop", "3.0.0", "dev", "--as", "developer", "--bundle", str(path), "--image", image)
        assert Release.objects.get().images == {"web": "registry.example/shop/web:3.0.0"}

    def test_the_first_release_adds_application_bundle_and_release_in_one_go(
        self, world: World, tmp_path: Path
    ) -> None:
        (tmp_path / "base").mkdir()
        (tmp_path / "base" / "web.yaml").write_text(WEB)
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "config.yaml").write_text("a: [")
        image = "web=registry.example/shop/web:1.0.0"
        said = run("deploy", "store", "1.0.0", "dev", "--bundle", str(tmp_path), "--image", image)
        assert "store is a new application" in said
        assert "store 1.0.0 → dev is waiting" in said
        store = Application.objects.get(name="store")
        assert store.bundle == store.releases.get().bundle
        assert AuditEntry.objects.filter(verb="application.added").exists()

    def test_who_may_add_no_application_is_told(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "web.yaml").write_text(WEB)
        words = ["deploy", "store", "1.0.0", "dev", "--as", "developer", "--bundle", str(tmp_path / "web.yaml")]
        with pytest.raises(CommandError, match="no application store, and you may not add one"):
            run(*words)
        assert not Application.objects.filter(name="store").exists()

    def test_after_an_upload_what_is_missing_is_one_line(self, world: World) -> None:
        world.bundle()
        with pytest.raises(CommandError, match=r"--current-bundle .*\(registry\.example/shop/web\)") as raised:
            run("deploy", "shop", "1.0.0", "dev", "--as", "developer")
        assert len(str(raised.value).splitlines()) == 1
        run("deploy", "shop", "1.0.0", "dev", "--as", "developer", "--current-bundle")
        assert Release.objects.get().images == {}

    def test_a_source_is_given_once(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="--bundle and --chart are both given"):
            run("deploy", "shop", "1.0.0", "dev", "--bundle", str(tmp_path), "--chart", "oci://ghcr.io/x/web")

    def test_a_version_that_is_not_there_yet_has_the_newest_ones_images_at_its_tag(self, world: World) -> None:
        world.release("1.0.0")
        run("deploy", "shop", "1.1.0", "dev", "--as", "developer")
        assert Rollout.objects.get().release.images == {"web": "registry.example/shop/web:1.1.0"}

    def test_a_mistyped_version_does_not_become_a_release(self, world: World, registry: FakeRegistry) -> None:
        world.release("1.0.0")
        registry.absent.add("registry.example/shop/web:9.9.9")
        with pytest.raises(CommandError, match=r"web:9\.9\.9 is not in the registry"):
            run("deploy", "shop", "9.9.9", "dev", "--as", "developer")
        assert Release.objects.count() == 1

    def test_somebody_elses_plan_is_approved(self, world: World) -> None:
        world.release("1.0.0")
        run("deploy", "shop", "1.0.0", "prod", "--as", "developer")
        run("deploy", "shop", "1.0.0", "prod", "--as", "lead", "--approve", "--comment", "looked at it")
        rollout = Rollout.objects.get()
        assert (rollout.phase, rollout.why) == (Phase.WAITING, "Approved by lead.")

    def test_four_eyes_hold_here_too(self, world: World) -> None:
        world.release("1.0.0")
        with pytest.raises(CommandError, match="You asked for this rollout"):
            run("deploy", "shop", "1.0.0", "prod", "--as", "lead", "--approve", "--comment", "fine")

    def test_a_refused_plan_ends_with_status_1(
        self, world: World, registry: FakeRegistry, capsys: pytest.CaptureFixture
    ) -> None:
        registry.absent.add("registry.example/shop/web:1.0.0")
        world.release("1.0.0")
        with pytest.raises(SystemExit) as ended:
            call_command("deploy", "shop", "1.0.0", "dev", "--as", "developer")
        assert ended.value.code == 1
        assert "is not in the registry" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["none", "1.0.0", "dev", "--as", "developer"], "no application none; there are: shop"),
            (["shop", "1.0.0", "mars", "--as", "developer"], "there are: dev, staging, prod, dr"),
            (["shop", "1.0.0", "dev", "--as", "nobody"], "no active user nobody"),
            (["shop", "1.0.0", "dev", "--as", "auditor"], "takes the role"),
            (["shop", "1.0.0", "dev", "--as", "developer", "--strategy", "teleport"], "no strategy"),
            (["shop", "2.0.0", "dev", "--as", "developer", "--image", "web"], "has to be NAME=REFERENCE"),
        ],
    )
    def test_a_mistake_is_told_with_what_there_is(self, world: World, words: list[str], told: str) -> None:
        world.release("1.0.0")
        with pytest.raises(CommandError, match=told):
            run("deploy", *words)

    def test_the_variable_names_who_acts(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLIPWAY_USER", "operator")
        world.release("1.0.0")
        run("deploy", "shop", "1.0.0", "dev")
        assert Rollout.objects.get().requested_by == "operator"


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.SUCCEEDED, 0),
        (Phase.FAILED, 1),
        (Phase.REJECTED, 3),
        (Phase.EXPIRED, 3),
        (Phase.CANCELLED, 3),
        (Phase.ABORTED, 4),
        (Phase.ROLLED_BACK, 4),
    ],
)
def test_the_status_tells_the_outcome(world: World, phase: Phase, status: int) -> None:
    out = cli.OutputWrapper(io.StringIO())
    assert cli.follow(world.rollout(phase, why="So it is."), out, 5) == status


def test_what_does_not_end_in_time_is_left_to_itself(world: World) -> None:
    buffer = io.StringIO()
    assert cli.follow(world.rollout(Phase.WAITING), cli.OutputWrapper(buffer), 0.05) == cli.TIMED_OUT
    assert "goes on without us" in buffer.getvalue()


@pytest.mark.django_db(transaction=True)
def test_each_change_is_a_line(transactional_db: None) -> None:
    from tests.releases import world as worlds

    rollout = worlds.build().rollout(Phase.PROGRESSING)
    for index, label in enumerate(("Check", "Wave 1: web")):
        Step.objects.create(rollout=rollout, index=index, label=label)

    def go_on() -> None:
        Step.objects.filter(index=0).update(state=Step.State.DONE)
        Step.objects.filter(index=1).update(state=Step.State.RUNNING)
        time.sleep(0.2)
        Rollout.objects.update(phase=Phase.SUCCEEDED, finished_at=timezone.now())
        connection.close()

    worker, buffer = threading.Timer(0.2, go_on), io.StringIO()
    worker.start()
    assert cli.follow(rollout, cli.OutputWrapper(buffer), 10) == 0
    worker.join()
    lines = buffer.getvalue().splitlines()
    assert "progressing · 0/2" in lines
    assert "progressing · 1/2 Wave 1: web" in lines
    assert lines[-1] == f"Rollout {rollout.pk} succeeded."


class TestRollback:
    def test_the_newest_is_taken_back(self, world: World) -> None:
        before = world.rollout(Phase.SUCCEEDED)
        rollout = world.rollout(Phase.FAILED, version="1.1.0", previous=before)
        said = run("rollback", "shop", "prod", "--as", "operator")
        rollout.refresh_from_db()
        assert (rollout.phase, rollout.intent) == (Phase.ROLLING_BACK, "rollback")
        assert f"Rollout {rollout.pk}" in said

    def test_an_earlier_version_is_brought_back(self, world: World) -> None:
        run_to = Rollout.objects
        world.release("1.0.0")
        run("deploy", "shop", "1.0.0", "dev", "--as", "developer")
        tell(run_to.get(), phase=Phase.SUCCEEDED, started_at=timezone.now(), sequence=1)
        world.rollout(Phase.SUCCEEDED, version="1.1.0", environment="dev", plan_digest=run_to.get().plan_digest)
        run("rollback", "shop", "dev", "--to", "1.0.0", "--as", "operator")
        undo = run_to.get(kind="undo")
        assert (undo.phase, undo.release.version) == (Phase.WAITING, "1.0.0")
        told = AuditEntry.objects.get(verb="rollout.undo-requested")
        assert (told.actor, told.data["comment"]) == ("operator", "No reason was given.")

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["shop", "dr"], "never been rolled out to dr"),
            (["shop", "prod", "--to", "0.9"], "0.9 has not succeeded in prod; these have: 1.0.0"),
        ],
    )
    def test_a_mistake_is_told(self, world: World, words: list[str], told: str) -> None:
        world.rollout(Phase.SUCCEEDED)
        with pytest.raises(CommandError, match=told):
            run("rollback", *words, "--as", "operator")


def test_status_says_what_runs_where(world: World) -> None:
    world.rollout(Phase.SUCCEEDED, finished_at=timezone.now())
    world.rollout(Phase.PROGRESSING, version="1.1.0")
    said = run("status", "shop", "--as", "auditor").splitlines()
    assert said[0] == "shop (newest: 1.1.0)"
    assert any(line.startswith("  prod       1.0.0 since ") and "1 behind" in line for line in said)
    assert any("1.1.0 progressing" in line for line in said)
    assert "  dev        nothing" in said


def test_status_shows_an_outsider_nothing(world: World) -> None:
    world.rollout(Phase.SUCCEEDED)
    assert "prod" not in run("status", "--as", "outsider")


class TestRollout:
    def test_a_person_pauses_it_from_the_shell(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        said = run("rollout", "pause", str(rollout.pk), "--as", "operator")
        rollout.refresh_from_db()
        assert (rollout.intent, rollout.intent_by) == ("pause", "operator")
        assert said.startswith(f"Rollout {rollout.pk}: shop 1.0.0 → prod.")

    def test_promoting_fully_needs_a_reason(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING, strategy="canary")
        with pytest.raises(CommandError, match=r"[Cc]omment"):
            run("rollout", "promote-fully", str(rollout.pk), "--as", "lead")
        run("rollout", "promote-fully", str(rollout.pk), "--as", "lead", "--comment", "Prometheus is being moved.")
        rollout.refresh_from_db()
        assert rollout.intent == "promote-fully"

    def test_it_shows_steps_and_which_verbs_are_yours(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING, why="25 % to 1.0.0.")
        Step.objects.create(rollout=rollout, index=0, label="5 %", state="done", why="passed 3 of 3")
        said = run("rollout", "show", str(rollout.pk), "--as", "auditor")
        assert "is progressing. 25 % to 1.0.0." in said
        assert "done     5 % (passed 3 of 3)" in said
        assert "not now pause: " in said

    @pytest.mark.parametrize(("number", "told"), [("999", "no rollout 999"), ("1", "role")])
    def test_what_is_not_there_or_not_yours_is_refused(self, world: World, number: str, told: str) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        with pytest.raises(CommandError, match=told):
            run("rollout", "pause", str(rollout.pk) if number == "1" else number, "--as", "auditor")

    def test_parameters_of_a_strategy_come_from_the_command_line(self, world: World) -> None:
        world.release("1.0.0")
        words = ["--strategy", "canary", "--set", "weights=10,50%,100", "--set", "interval=30"]
        run("deploy", "shop", "1.0.0", "dev", "--as", "developer", *words, "--strategy-reason", "To try it.")
        rollout = Rollout.objects.get()
        assert rollout.parameters == {"weights": [10, 50, 100], "interval": 30}
        assert rollout.strategy_reason == "To try it."


def test_a_row_that_somebody_wrote_to_the_database_is_told_in_its_words(world: World) -> None:
    world.release("1.0.0")
    Environment.objects.create(name="test", cluster=world.environments["dev"].cluster)
    with pytest.raises(CommandError, match="the history has nothing of it"):
        run("deploy", "shop", "1.0.0", "test")


def test_a_parameter_may_be_json(world: World) -> None:
    world.release("1.0.0")
    run("deploy", "shop", "1.0.0", "dev", "--strategy", "canary", "--set", "metrics=[]", "--set", "weights=50,100")
    assert Rollout.objects.get().parameters["metrics"] == []
    with pytest.raises(CommandError, match=r"--set metrics is '\[', which is no JSON"):
        run("deploy", "shop", "1.0.0", "staging", "--strategy", "canary", "--set", "metrics=[")
