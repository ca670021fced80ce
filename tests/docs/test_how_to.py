"""What the documentation shows is run: commands in a portal of their own, samples by what reads them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from environments import admission
from environments.admission import levels
from releases.analysis.metrics import read_metrics
from releases.webhooks import providers
from tests.acceptance import shop
from tests.acceptance.portal import Portal, portal
from tests.docs.commands import EVERY, ROOT, Command, blocks
from tests.releases.rollout.bundles import config, deployment

BRING = "bring-an-application.md"
HOW_TO = ROOT / "docs" / "how-to"
# The story types some forty commands, each a process of its own.
pytestmark = pytest.mark.timeout(240)
MANAGE = re.compile(r"(?:\.venv/bin/)?python manage\.py (.+?)(?: &&.*| &)?$")
# What the story below runs, by how it begins, in the order of the story.
SHOP = (
    ("README.md", ".venv/bin/python manage.py deploy shop 1.0.0 dev"),
    ("connect-ci.md", "curl -sS $S/bundles"),
    ("connect-ci.md", "curl -sS $S/releases"),
    ("connect-ci.md", "curl -sS $S/rollouts -H"),
    ("approve-and-take-back.md", "curl -sS https://slipway.example/api/v1/rollouts/12 "),
    ("approve-and-take-back.md", "curl -sS https://slipway.example/api/v1/rollouts/12/approve"),
    ("connect-ci.md", "curl -sS $S/rollouts/12"),
    ("approve-and-take-back.md", "python manage.py rollout show 12"),
)
PROD = (
    "python manage.py history shop prod --compare 2 3",
    'python manage.py rollback shop prod --as YOU --comment "Errors at checkout"',
    "python manage.py rollback shop prod --as YOU --to 1.4.2",
    "python manage.py rollback shop prod --as YOU --to-revision 3",
)
STORE = (
    "python manage.py import store-prod",
    "python manage.py deploy store 2.3.1 prod",
)
AT_REST = (
    ("audit.md", 'curl -sS "https://slipway.example/api/v1/audit'),
    ("audit.md", "python manage.py audit head"),
    ("audit.md", "python manage.py audit verify"),
    ("audit.md", "python manage.py audit key"),
    ("audit.md", "python manage.py audit export"),
    ("audit.md", "python3 verify_audit.py"),
    ("operate.md", ".venv/bin/python -c 'from cryptography.fernet"),
    ("operate.md", "openssl rand -base64 32"),
    ("operate.md", "openssl rand -base64 48"),
    ("operate.md", "python manage.py migrate && python manage.py collectstatic"),
    ("operate.md", "python manage.py migrate"),
    ("operate.md", "python manage.py rotate_keys"),
    ("operate.md", "python manage.py people link lead"),
    ("operate.md", "python manage.py policy list"),
    ("operate.md", "python manage.py audit verify"),
    ("README.md", ".venv/bin/python manage.py migrate"),
    ("README.md", ".venv/bin/python manage.py collectstatic"),
)
# What other tests run.
ELSEWHERE = {
    "make demo": "tests/demo",
    "make test": "this very run",
    "make .venv/ready": "this very run",
    ".venv/bin/python manage.py serve": "the story's portal",
    ".venv/bin/python manage.py orchestrate": "the story's portal",
    "python manage.py orchestrate": "the story's portal",
    ".venv/bin/python manage.py createsuperuser": "tests/portal/people; it asks for a password",
    "python manage.py createsuperuser": "tests/portal/people; it asks for a password",
    "kubectl apply -f docs/how-to/cluster-rights.yaml": "tests/contract/test_least_rights.py",
    "umask 077; cat > slipway.kubeconfig": "tests/contract/test_least_rights.py",
    ".venv/bin/python manage.py connect": "tests/environments/test_clusters.py",
    "python manage.py connect": "tests/environments/test_clusters.py",
    'curl -sS "$URL"': "tests/docs/test_docs.py",
    "python manage.py people confirm": "tests/portal/people",
    "python manage.py policy confirm": "tests/environments/policy",
    "python manage.py rollout promote 12": "tests/releases/test_commands.py",
    "python manage.py deploy shop 1.1.0 prod --strategy": "the strategies' live tests",
    "python manage.py deploy shop 1.0.0 dev --": "tests/environments/sources",
    "python manage.py deploy store 2.3.0 prod": "the README's, of a folder",
    "kubectl annotate configmap/shared": "tests/releases/rollout/test_two_environments.py",
}


def sample(page: str, begins: str) -> str:
    """The block of a page that begins so."""
    found = [block for block in blocks(HOW_TO / page) if block.text.startswith(begins)]
    assert len(found) == 1, f"{page} has {len(found)} blocks that begin with {begins!r}"
    return found[0].text


def command(page: str, begins: str) -> Command:
    """The command of a page that begins so."""
    return next(each for each in EVERY if each.page == page and each.text.startswith(begins))


@pytest.mark.parametrize("shown", [each for each in EVERY if "manage.py" in each.text], ids=str)
def test_each_command_of_the_portal_is_one_that_it_takes(shown: Command) -> None:
    for part in shown.text.split(" && "):
        found = MANAGE.match(part)
        assert found, f"{shown} is not read: {part}"
        name, *arguments = shlex.split(found[1].replace("…", ""))
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def test_each_command_is_run_here_or_by_the_tests_that_are_named() -> None:
    prod, store = [("approve-and-take-back.md", each) for each in PROD], [(BRING, each) for each in STORE]
    here = {*SHOP, *AT_REST, *prod, *store}
    left = [
        str(each)
        for each in EVERY
        if not any(each.page == page and each.text.startswith(begins) for page, begins in here)
        and not any(each.text.startswith(begins) for begins in ELSEWHERE)
    ]
    assert left == []
    assert [begins for begins in ELSEWHERE if not any(each.text.startswith(begins) for each in EVERY)] == []


# ---- samples -------------------------------------------------------------------------------------------------------
def test_the_metrics_of_the_page_are_metrics() -> None:
    metrics = read_metrics(json.loads(sample("measure-a-canary.md", "[")))
    assert len(metrics) == 4


def test_the_levels_of_the_page_are_levels() -> None:
    assert len(levels.parse(sample("limit-what-bundles-may-do.md", "host-path"), admission.checks())) == 2


def test_the_mapping_of_the_page_is_one_of_github() -> None:
    github = providers.find("github")
    assert github
    assert github.check(json.loads(sample("connect-ci.md", '{"repository"'))) == []


def test_the_environment_file_of_the_page_can_be_loaded_into_a_shell(tmp_path: Path) -> None:
    file = tmp_path / "slipway.env"
    file.write_text(sample("operate.md", "SLIPWAY_URL=").replace("…", "a+/="))
    script = sample("operate.md", "set -a").replace("/etc/slipway.env", str(file))
    assert "https://slipway.example" in run_shell(f"{script}\nprintenv SLIPWAY_URL", {}, tmp_path)


# ---- a shop, from its first release to its way back ------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with portal(tmp_path_factory.mktemp("how-to"), None, names=["shop"]) as running:
        running.manage("shell", "-c", QUICK)
        yield running


QUICK = 'from releases.models import Application; Application.objects.update(parameters={"stableSeconds": 1})'


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the reader stands: with a bundle, and the program that verifies exports."""
    folder = tmp_path_factory.mktemp("desk")
    files = {"base/web.yaml": deployment("web", "shop/web"), "base/settings.yaml": config(COLOUR="blue")}
    (folder / "shop.tar.gz").write_bytes(shop.packed(files))
    (folder / "verify_audit.py").write_bytes((ROOT / "scripts" / "verify_audit.py").read_bytes())
    return folder


def run_shell(text: str, variables: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euc", text],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def run(live: Portal, desk: Path, page: str, begins: str, who: str, **instead: str) -> str:
    """What a command of a page prints, typed by `who`; `instead` has what the reader puts for the page's examples."""
    text = command(page, begins).text
    given = {
        "https://slipway.example": live.url,
        "ghcr.io/example/": f"{live.place.registry}/",
        "manage.py": str(ROOT / "manage.py"),
        "--as YOU": f"--as {who}",
        **instead,
    }
    for example, own in given.items():
        text = text.replace(example, own)
    python = f'python() {{ {sys.executable} "$@"; }}; python3() {{ {sys.executable} "$@"; }}\n'
    variables = {
        **live.variables,
        "TOKEN": live.users[who]["token"],
        "S": f"{live.url}/api/v1",
        "A": f"Authorization: Bearer {live.users[who]['token']}",
    }
    return run_shell(python + text.replace(".venv/bin/python", "python"), variables, desk)


def test_a_shop_is_released_asked_for_and_approved_as_the_pages_say(live: Portal, desk: Path) -> None:
    (first, bundles, releases, rollouts, look, approve, look_in_ci, show) = SHOP
    good = {"web:1.0.0": "web:good", "web:1.4.2": "web:good"}
    told = run(live, desk, *first, "operator", **good)
    assert re.search(r"Rollout \d+ succeeded", told)
    assert json.loads(run(live, desk, *bundles, "developer"))["digest"].startswith("sha256:")
    assert json.loads(run(live, desk, *releases, "developer", **good))["version"] == "1.4.2"
    asked = json.loads(run(live, desk, *rollouts, "developer"))
    number = {"rollouts/12": f"rollouts/{asked['id']}", "show 12": f"show {asked['id']}"}
    live.wait(asked, "awaiting approval")
    digest = json.loads(run(live, desk, *look, "lead", **number))["digest"]
    voted = json.loads(run(live, desk, *approve, "lead", **number, **{"sha256:…": digest}))
    assert voted["digest"] == digest
    assert live.succeed(asked)["why"] == ""
    assert json.loads(run(live, desk, *look_in_ci, "developer", **number))["phase"] == "succeeded"
    assert "succeeded" in run(live, desk, *show, "developer", **number)


def test_production_is_taken_back_as_the_page_says(live: Portal, desk: Path) -> None:
    (compare, back, to_version, to_revision) = PROD
    for version, colour in (("1.4.1", "red"), ("1.4.2", "blue"), ("1.5.0", "green")):
        roll_out(live, version, colour)
    page = "approve-and-take-back.md"
    assert "COLOUR" in run(live, desk, page, compare, "operator")
    assert "rolled back" in run(live, desk, page, back, "operator")
    roll_out(live, "1.5.0", "green")
    assert "succeeded" in run(live, desk, page, to_version, "operator")
    assert "succeeded" in run(live, desk, page, to_revision, "operator")


def roll_out(live: Portal, version: str, colour: str) -> None:
    """A release into production, which two leads approve."""
    if version not in {each["version"] for each in live.api("GET", "releases?application=shop")}:
        files = {"base/web.yaml": deployment("web", "shop/web"), "base/settings.yaml": config(COLOUR=colour)}
        live.release("shop", version, files, "good")
    planned = live.wait(live.ask("shop", version, "prod"), "awaiting approval")
    for lead in ("lead", "lead2"):
        live.say("approve", planned, lead)
    live.succeed(planned)


def test_what_runs_already_is_imported_and_released_as_the_page_says(live: Portal, desk: Path) -> None:
    (bring_in, deploy) = STORE
    image = f"{live.place.registry}/shop/web:good"
    running = [config(COLOUR="blue"), deployment("web", image), "apiVersion: v1\nkind: Namespace\nmetadata: {name: N}"]
    for manifest in reversed([yaml.safe_load(each.replace("N}", "store-prod}")) for each in running]):
        manifest["metadata"] |= {} if manifest["kind"] == "Namespace" else {"namespace": "store-prod"}
        live.gateway.apply(manifest, manager="kubectl")
    assert "changes nothing" in run(live, desk, BRING, bring_in, "admin")
    run(live, desk, BRING, deploy, "operator", **{"web:2.3.1": "web:good2", " --wait": ""})
    asked = live.api("GET", "rollouts?application=store")[0]
    for lead in ("lead", "lead2"):
        live.say("approve", live.wait(asked, "awaiting approval"), lead)
    live.succeed(asked)


def test_the_history_is_verified_and_exported_and_keys_are_changed_as_the_pages_say(live: Portal, desk: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    days = {"2026-11-01": today, "2026-11-30": today}
    heads = {
        "PUBLIC_KEY": live.manage("audit", "key").stdout.split()[-1],
        "COPY_OF_AUDIT_HEADS": str(live.folder / "audit-heads"),
    }
    told = {begins: run(live, desk, page, begins, "auditor", **days, **heads) for page, begins in AT_REST}
    verified = next(words for begins, words in told.items() if "verify_audit.py" in begins)
    assert "the chain is whole" in verified
    assert "published head" in verified
