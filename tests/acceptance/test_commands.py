"""The commands of the README, as a shell on the portal's host or a CI runs them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import shop
from tests.acceptance.portal import Portal, portal
from tests.acceptance.world import snapshot


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with portal(tmp_path_factory.mktemp("commands"), None, shops=3) as running:
        yield running


@pytest.fixture
def name(live: Portal) -> str:
    return live.shops.pop()


def deploy(live: Portal, name: str, version: str, environment: str, bundle: Path, *more: str) -> tuple[int, str]:
    """`manage.py deploy` of a new version, followed to its end: (exit status, what it printed)."""
    images = [word for image in shop.IMAGES for word in ("--image", f"{image}={live.place.registry}/{image}:good")]
    given = ["--bundle", str(bundle), *images, "--wait", "--timeout", "90", *more]
    done = live.manage("deploy", name, version, environment, *given, user="developer")
    return done.returncode, done.stdout + done.stderr


def packed(folder: Path, *extra: str, **data: str) -> Path:
    file = folder / f"{data['COLOUR']}.tar.gz"
    file.write_bytes(shop.packed(shop.files(*extra, **data)))
    return file


def test_deploy_shows_the_plan_and_follows_it_to_its_end_and_rollback_takes_it_back(
    live: Portal, name: str, tmp_path: Path
) -> None:
    status, told = deploy(live, name, "1.0.0", "dev", packed(tmp_path, COLOUR="blue"))
    assert status == 0, told
    assert "create Deployment web" in told
    assert re.search(r"Rollout \d+ succeeded", told)
    before = snapshot(live, f"{name}-dev")
    status, told = deploy(live, name, "1.1.0", "dev", packed(tmp_path, "extra", COLOUR="green"))
    assert status == 0, told
    assert "update ConfigMap settings" in told
    done = live.manage("rollback", name, "dev", "--wait", "--as", "operator")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rolled back" in done.stdout
    assert snapshot(live, f"{name}-dev") == before


def test_a_plan_for_staging_waits_for_a_lead_who_approves_it_at_the_shell(
    live: Portal, name: str, tmp_path: Path
) -> None:
    status, told = deploy(live, name, "1.0.0", "staging", packed(tmp_path, COLOUR="blue"), "--timeout", "1")
    assert status == 5, told
    assert "still awaiting approval" in told
    approving = ["--approve", "--comment", "Read.", "--wait", "--timeout", "90"]
    done = live.manage("deploy", name, "1.0.0", "staging", *approving, "--as", "lead")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = live.manage("status", name, user="developer").stdout
    assert re.search(r"staging +1\.0\.0 since", shown), shown
    assert re.search(r"dev +nothing", shown), shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["deploy", "shp", "1.0.0", "dev", "--as", "lead"], "There is no application shp; there are: "),
        (["deploy", "nova", "1.0.0", "test", "--as", "lead"], "There is no environment test; there are: dev, staging"),
        (["deploy", "nova", "9.0.0", "dev", "--as", "lead"], "nova has a bundle ("),
        (["rollback", "nova", "dev", "--as", "lead"], "there is nothing to take back"),
        (["connect", "other", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(live: Portal, arguments: list[str], words: str) -> None:
    done = live.manage(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_is_connected_from_a_kubeconfig_without_showing_its_secret(live: Portal) -> None:
    done = live.manage("connect", "second", live.place.kubeconfig)
    assert done.returncode == 0, done.stderr
    assert re.search(r"second: https?://127\.0\.0\.1:\d+, Kubernetes v?1\.", done.stdout)
    token = re.search(r"token: (\S+)", Path(live.place.kubeconfig).read_text())
    assert token
    assert token[1] not in done.stdout + done.stderr


def test_the_history_verifies_here_and_its_export_elsewhere(live: Portal, name: str, tmp_path: Path) -> None:
    live.release(name, "1.0.0", shop.files(COLOUR="blue"), "good")
    live.succeed(live.ask(name, "1.0.0", "dev"))
    live.manage("audit", "head")
    done = live.manage("audit", "verify")
    assert done.returncode == 0, done.stderr
    export, key = tmp_path / "history.jsonl", live.manage("audit", "key").stdout.split()[0]
    assert live.manage("audit", "export", str(export)).returncode == 0
    verified = live.run("-I", "scripts/verify_audit.py", str(export), "--key", key)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    lines = export.read_text().splitlines()
    changed = json.loads(lines[1])
    lines[1] = json.dumps({**changed, "actor": "somebody else"})
    export.write_text("\n".join(lines) + "\n")
    broken = live.run("-I", "scripts/verify_audit.py", str(export), "--key", key)
    assert broken.returncode == 1
    assert str(changed["number"]) in broken.stdout + broken.stderr
