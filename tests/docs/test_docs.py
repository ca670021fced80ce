"""The documentation names what there is, and all of it that people set."""

import base64
import json
import os
import re
import secrets
import subprocess
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.test import Client
from django.urls import Resolver404, resolve
from pytest_django.live_server_helper import LiveServer

from releases.api import api
from releases.models import Application, WebhookSource
from tests import lanes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").glob("*.md")])
SETTINGS = sorted([*(ROOT / "portal").glob("*.py"), ROOT / "releases" / "cli.py"])
OPERATE = ROOT / "docs" / "how-to" / "operate.md"
READ = re.compile(r"""(?:\b(?:text|words|flag|choice|number|database)|os\.environ(?:\.get)?)[(\[]\s*"(SLIPWAY_\w+)\"""")
ROW = re.compile(r"^\| `(SLIPWAY_\w+)` \|", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
DECISIONS = ROOT / "docs" / "decisions.md"
RECORD = re.compile(
    r"\d{4}-\d\d-\d\d · (?:accepted|(?:accepted in part; .+ )?superseded by \"(?P<newer>.+)\")\n"
    r"- Context: .+\n(?:  .+\n)*- Decision: .+\n(?:  .+\n)*- Consequence: .+\n(?:  .+\n)*"
)
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
ADDRESS = re.compile(r"(?<![\w.:/])(/(?:api|admin|webhooks|history|healthz|readyz|metrics)[\w/.-]*)")
API = re.compile(r"(?:\$S|/api/v1)(/[\w/.-]+)")


def text_of(pages: list[Path]) -> str:
    return "\n".join(page.read_text() for page in pages)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_decision_is_a_record_with_date_status_context_decision_and_consequence() -> None:
    _, *sections = DECISIONS.read_text().split("\n## ")
    records = [one.partition("\n") for section in sections for one in f"{section}\n".split("\n### ")[1:]]
    read = {title: RECORD.fullmatch(text.strip("\n") + "\n") for title, _, text in records}
    assert len(read) == len(records) > 100, "two decisions have the same heading"
    assert [title for title, found in read.items() if found is None] == []
    newer = {found["newer"] for found in read.values() if found and found["newer"]}
    assert newer - set(read) == set()
    assert [one for one in sections if not one.partition("\n")[2].startswith("\n### ")] == [], "text outside a record"


def test_the_operators_table_has_every_variable_that_is_read_and_no_other() -> None:
    read = {name for source in SETTINGS for name in READ.findall(source.read_text())}
    assert len(read) > 10
    assert set(ROW.findall(OPERATE.read_text())) == read


def test_every_variable_that_a_page_names_is_one_that_is_read_or_that_bundles_and_tests_have() -> None:
    known = set(ROW.findall(OPERATE.read_text()))
    bundles = {f"SLIPWAY_{name}" for name in ("ENVIRONMENT", "NAMESPACE", "APPLICATION", "VERSION", "VERSION_SLUG")}
    named = {name for name in re.findall(r"SLIPWAY_[A-Z_]+", text_of(PAGES)) if not name.startswith("SLIPWAY_TEST_")}
    assert named - known - bundles == set()


def test_who_contributes_is_told_of_every_lane() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text()
    assert [lane for lane, needs in lanes.VARIABLES.items() if lane not in told or needs not in told] == []


def test_every_command_that_a_page_names_is_there() -> None:
    named = set(COMMAND.findall(text_of(PAGES)))
    assert len(named) > 5
    assert named - set(get_commands()) == set()


def test_every_address_that_a_page_names_is_there() -> None:
    missing = []
    for address in set(ADDRESS.findall(text_of(PAGES))):
        try:
            resolve(address.rstrip(".").replace("PROVIDER", "generic").replace("NAME", "shop").replace("/ID/", "/1/"))
        except Resolver404:
            missing.append(address)
    assert missing == []


def test_every_operation_of_the_api_that_a_page_names_is_described() -> None:
    described = [
        re.sub(r"\{\w+\}", r"[\\w]+", path.removeprefix("/api/v1")) for path in api.get_openapi_schema()["paths"]
    ]
    named = {name.rstrip(".") for name in API.findall(text_of(PAGES))} - {"/openapi.json"}
    assert len(named) > 5
    assert [name for name in named if not any(re.fullmatch(pattern, name) for pattern in described)] == []


def test_the_rights_are_yaml_that_names_each_role_that_it_binds() -> None:
    objects = [*yaml.safe_load_all((ROOT / "docs" / "how-to" / "cluster-rights.yaml").read_text())]
    roles = {each["metadata"]["name"] for each in objects if each["kind"] == "ClusterRole"}
    bound = {each["roleRef"]["name"] for each in objects if each["kind"].endswith("RoleBinding")}
    assert roles == bound


def test_pictures_are_small() -> None:
    assert [each.name for each in (ROOT / "docs" / "images").iterdir() if each.stat().st_size > 200_000] == []


@pytest.mark.django_db(transaction=True)
def test_the_signed_request_of_the_example_is_taken(live_server: LiveServer) -> None:
    shop = Application.objects.create(name="shop")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    WebhookSource.objects.create(name="docs", provider="generic", application=shop, secret=secret)
    answer = json.loads(run_example(f"{live_server.url}/webhooks/generic/docs", secret, '{"type": "ping"}'))
    assert answer["outcome"] == "ignored"
    assert answer["detail"] == "pong"
    assert Client().post("/webhooks/generic/docs", "{}", content_type="application/json").status_code == 401


def run_example(url: str, secret: str, body: str) -> str:
    page = (ROOT / "docs" / "how-to" / "connect-ci.md").read_text()
    script = page.partition("```bash\n")[2].partition("```")[0]
    variables = {**os.environ, "URL": url, "SECRET": secret, "body": body, "id": "docs-1"}
    done = subprocess.run(
        ["bash", "-euc", script], env=variables, capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout
