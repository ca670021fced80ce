"""Jobs in the sandbox."""

from tests.sandbox.world import World, job


def conditions(world: World) -> list[tuple[str, str]]:
    return [(item["type"], item["reason"]) for item in world.status("Job", "j").get("conditions", ())]


def test_a_complete_job_has_the_recorded_status():
    world = World()
    world.create(job())
    status = world.after(5).status("Job", "j")
    assert conditions(world) == [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
    for name in ("conditions", "startTime", "completionTime"):
        assert status.pop(name)
    assert status == {"succeeded": 1, "terminating": 0, "uncountedTerminatedPods": {}, "ready": 0}


def test_a_failing_job_stops_at_its_back_off_limit():
    world = World()
    world.create(job({"exit_code": 3}, backoffLimit=0))
    status = world.after(5).status("Job", "j")
    assert conditions(world) == [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
    assert (status["failed"], status.get("succeeded")) == (1, None)


def test_pods_are_tried_again_after_growing_pauses():
    world = World()
    world.create(job({"exit_code": 1}, backoffLimit=3))
    tried = [len(world.after(seconds).pods()) for seconds in (5, 8, 20)]
    assert tried == [1, 2, 3]
    assert conditions(world) == []


def test_as_many_pods_run_at_once_as_are_allowed_until_all_are_through():
    world = World()
    world.create(job({"run_seconds": 4}, completions=5, parallelism=2))
    assert world.after(2).status("Job", "j")["active"] == 2
    assert world.after(30).status("Job", "j")["succeeded"] == 5
    assert conditions(world)[-1] == ("Complete", "CompletionsReached")


def test_a_deadline_ends_a_running_job():
    world = World()
    world.create(job({"run_seconds": 600}, activeDeadlineSeconds=5))
    world.after(15)
    assert conditions(world) == [("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]
    assert world.pods() == []


def test_a_suspended_job_says_so_and_starts_when_resumed():
    world = World()
    world.create(job(suspend=True))
    assert conditions(world.after(5)) == [("Suspended", "JobSuspended")]
    world.change("Job", "j", suspend=False)
    world.after(5)
    assert conditions(world)[-1] == ("Complete", "CompletionsReached")


def test_a_finished_job_goes_when_its_time_to_live_is_over():
    world = World()
    world.create(job(ttlSecondsAfterFinished=10))
    assert world.after(8).find("Job", "j")
    assert world.after(5).find("Job", "j") is None
    assert world.pods() == []
