"""What is rendered, from what, and what is refused before a program sees it."""

import hashlib
import os
import shutil

import pytest

from environments.manifests.bundle import bundle_of
from environments.manifests.errors import BundleError
from environments.sources import is_source
from environments.sources.kinds.git import archive_of
from environments.sources.telling import archive
from tests.environments.sources.files import CHART, KUSTOMIZATION, WEB, made, members, script, texts

helm = pytest.mark.lane("helm")
kubectl = pytest.mark.lane("kubectl")


@pytest.mark.parametrize(
    ("files", "said", "source"),
    [
        (CHART, "", True),
        (KUSTOMIZATION, "", True),
        ({"kustomization.yml": "resources: [web.yaml]", "web.yaml": WEB}, "", True),
        ({"base/kustomization.yaml": "resources: [web.yaml]", "base/web.yaml": WEB}, "", True),
        ({"base/web.yaml": WEB}, "", False),
        ({"web.yaml": WEB}, "source: {kustomize: {path: .}}", True),
        ({"rendered/dev.yaml": WEB}, "source: {helm: {chart: chart}}", False),
        ({}, "source: {helm: {chart: oci://ghcr.io/example/web, version: 1.0.0}}", True),
    ],
)
def test_a_source_is_known_by_its_files_or_by_slipway_yaml(files, said, source) -> None:
    assert is_source(members(files, said)) is source


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{helm: {chart: oci://ghcr.io/x/web}}", "source.helm.version: is missing"),
        ("{helm: {repository: 'https://charts.example', version: 1.0.0}}", "source.helm.chart: is missing"),
        ("{helm: {chart: ., vales: x.yaml}}", "did you mean values"),
        ("{helm: {values: {dev: ../x.yaml}}}", "a path inside the bundle"),
        ("{git: {repository: 'https://git.example/x', commit: main}}", "a commit's full hash"),
        ("{git: {repository: 'https://u:p@git.example/x', commit: main}}", "without a password"),
        ("{git: {repository: 'file:///etc', commit: main}}", "starts with https://"),
        ("{helm: {}, kustomize: {}}", "one of helm, kustomize and git"),
        ("{}", "one of helm, kustomize and git"),
        ("{jsonnet: {}}", "source.jsonnet: unknown"),
    ],
)
def test_what_is_wrong_in_slipway_yaml_is_told_by_its_place(source: str, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        is_source(members(CHART, f"source: {source}"))


def test_without_its_program_the_setting_is_named() -> None:
    with pytest.raises(BundleError, match="SLIPWAY_HELM"):
        made(CHART, helm=None)
    with pytest.raises(BundleError, match="SLIPWAY_KUSTOMIZE"):
        made(KUSTOMIZATION, kustomize=None)


@helm
class TestCharts:
    def test_a_chart_is_rendered_for_every_environment_with_its_values(self) -> None:
        result = made(CHART)
        found = texts(result)
        assert set(found) == {"rendered/dev.yaml", "rendered/prod.yaml"}
        assert "replicas: 1" in found["rendered/dev.yaml"]
        assert "replicas: 3" in found["rendered/prod.yaml"]
        assert "name: web-web" in found["rendered/dev.yaml"]
        assert {name: result.origin[name] for name in ("program", "chart", "chart_version")} == {
            "program": "helm", "chart": "web", "chart_version": "1.2.3",
        }  # fmt: skip
        assert result.origin["version"].startswith("v")

    def test_it_is_rendered_for_the_version_of_the_environments_cluster(self) -> None:
        asked = "v: {{ .Capabilities.KubeVersion.Version }}"
        chart = {**CHART, "Chart.yaml": f'{CHART["Chart.yaml"]}kubeVersion: ">=1.34.0-0"\n', "templates/v.yaml": asked}
        found = texts(made(chart))
        assert "v: v1.36.3" in found["rendered/dev.yaml"]
        assert "v: v1.34.8" in found["rendered/prod.yaml"]

    def test_what_slipway_yaml_says_of_it_counts_and_goes_along(self) -> None:
        inner = {f"charts/web/{path}": text for path, text in CHART.items()} | {"more.yaml": "replicas: 5"}
        said = "source: {helm: {chart: charts/web, release: shop, values: {all: [], dev: more.yaml}}}\nchange: major\n"
        found = texts(made(inner, said))
        assert "name: shop-web" in found["rendered/dev.yaml"]
        assert "replicas: 5" in found["rendered/dev.yaml"]
        assert "replicas: 1" in found["rendered/prod.yaml"]
        assert found["slipway.yaml"] == said
        assert bundle_of(made(inner, said).members, "x").environments == ("dev", "prod")

    @pytest.mark.parametrize(
        ("file", "content", "words"),
        [
            (
                "templates/bad.yaml",
                "a: {{ .Values.no.thing }}\n",
                "templates/bad.yaml line 1: helm for dev: .*no.thing",
            ),
            ("templates/bad.yaml", "a: 1\n b: : 2\n", "templates/bad.yaml line 2: helm for dev: YAML parse error"),
            ("values-prod.yaml", "a: 1\n b: : 2\n", "values-prod.yaml line 2: helm for prod"),
            ("templates/bad.yaml", 'a: {{ env "HOME" }}\n', 'function "env" not defined'),
            (
                "Chart.yaml",
                CHART["Chart.yaml"] + "dependencies: [{name: redis, version: 1.0.0}]\n",
                "missing in charts/",
            ),
            ("Chart.yaml", "name: [\n", "Chart.yaml: cannot be read"),
        ],
    )
    def test_helms_words_are_told_at_the_file_and_line(self, file: str, content: str, words: str) -> None:
        with pytest.raises(BundleError, match=words):
            made({**CHART, file: content})

    def test_values_that_are_not_there_are_named(self) -> None:
        with pytest.raises(BundleError, match=r"names x\.yaml"):
            made(CHART, "source: {helm: {values: {dev: x.yaml}}}")

    def test_an_environment_that_is_not_there_is_named(self) -> None:
        with pytest.raises(BundleError, match="no environment qa; there are: dev, prod"):
            made(CHART, "source: {helm: {environments: [qa]}}")


class Repository:
    """A SourceFetcher with one chart, in a repository and in a registry."""

    def __init__(self, digest: str = "") -> None:
        self.archive = archive({f"web/{path}": content for path, content in members(CHART)})
        self.digest = digest or hashlib.sha256(self.archive).hexdigest()
        self.asked: list[str] = []

    def get(self, url: str, limit: int) -> bytes:
        self.asked.append(url)
        if url.endswith("/index.yaml"):
            entry = {"version": "1.2.3", "urls": ["charts/web-1.2.3.tgz"], "digest": self.digest}
            return str({"entries": {"web": [entry]}}).encode()
        return self.archive

    def chart(self, reference: str, version: str) -> bytes:
        self.asked.append(f"{reference} {version}")
        return self.archive


@helm
class TestChartsElsewhere:
    HERE = "source: {helm: {repository: 'https://charts.example/stable', chart: web, version: 1.2.3}}"

    def test_one_of_a_repository_is_found_by_its_index_and_its_digest_kept(self) -> None:
        there = Repository()
        result = made({}, self.HERE, fetcher=there)
        assert there.asked == [
            "https://charts.example/stable/index.yaml", "https://charts.example/stable/charts/web-1.2.3.tgz",
        ]  # fmt: skip
        assert result.origin["sha256"] == there.digest
        assert "replicas: 1" in texts(result)["rendered/dev.yaml"]

    def test_one_that_is_not_what_the_index_says_is_refused(self) -> None:
        with pytest.raises(BundleError, match="its digest is another"):
            made({}, self.HERE, fetcher=Repository("0" * 64))

    def test_a_version_that_is_not_there_is_told_with_those_that_are(self) -> None:
        with pytest.raises(BundleError, match=r"no web 9\.9\.9; there is: 1\.2\.3"):
            made({}, self.HERE.replace("version: 1.2.3", "version: 9.9.9"), fetcher=Repository())

    def test_one_of_a_registry_is_pulled(self) -> None:
        there = Repository()
        result = made({}, "source: {helm: {chart: oci://ghcr.io/example/web, version: 1.2.3}}", fetcher=there)
        assert there.asked == ["oci://ghcr.io/example/web 1.2.3"]
        assert result.origin["from"] == "oci://ghcr.io/example/web:1.2.3"


@kubectl
class TestKustomizations:
    @pytest.fixture(autouse=True)
    def _a_kubectl_that_builds(self) -> None:
        if os.path.realpath(shutil.which("kubectl") or "").endswith("google-cloud-sdk/bin/kubectl"):
            pytest.skip("this kubectl only chooses another one")

    def test_an_overlay_is_built_for_its_environment(self) -> None:
        result = made(KUSTOMIZATION)
        found = texts(result)
        assert set(found) == {"rendered/dev.yaml", "rendered/prod.yaml"}
        assert "replicas: 3" in found["rendered/prod.yaml"]
        assert result.origin["program"] == "kustomize"
        assert result.origin["version"].startswith("v")

    def test_one_without_overlays_is_for_all_of_them(self) -> None:
        found = texts(made({"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": WEB}))
        assert found["rendered/dev.yaml"] == found["rendered/prod.yaml"]

    def test_kustomizes_words_are_told_at_the_file(self) -> None:
        with pytest.raises(BundleError, match=r"overlays/dev/kustomization\.yaml: kustomize for dev: .*absent\.yaml"):
            made({**KUSTOMIZATION, "overlays/dev/kustomization.yaml": "resources: [absent.yaml]\n"})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("resources: [../../base, 'https://x.example/a.yaml']", "resources"),
        ("resources: ['github.com/o/r//deploy?ref=v1']", "resources"),
        ("bases: ['git@github.com:o/r']", "bases"),
        ("components: ['ssh://git@x.example/o/r']", "components"),
        ("resources: ['http://127.0.0.1:8000/x.yaml']", "resources"),
        ("resources: ['https://dev.azure.com/o/_git/r']", "resources"),
        ("patches: [{path: 'https://x.example/p.yaml'}]", "path"),
        ("configMapGenerator: [{name: c, files: ['k=https://x.example/f']}]", "files"),
        ("configMapGenerator: [{name: c, files: [../../../../etc/passwd]}]", "files"),
        ("configMapGenerator: [{name: c, envs: [/proc/self/environ]}]", "envs"),
        ("resources: [../../../elsewhere]", "resources"),
        ("openapi: {path: 'http://x.example/schema'}", "path"),
        ("replacements: [{path: 'https://x.example/r.yaml'}]", "path"),
        ("generators: ['https://x.example/g.yaml']", "generators"),
        ("helmCharts: [{name: x, repo: 'https://x.example'}]", "helmCharts"),
        ("Resources: ['https://x.example/a.yaml']", "Resources"),
        ('resources: ["https://x.example/a.yaml\\n"]', "resources"),
        ("resources: ['https://x.example/a.yaml?b=c']", "resources"),
        ('transformers: ["apiVersion: builtin\\nkind: PatchTransformer\\npath: https://x.example"]', "transformers"),
        ("<<: {resources: ['https://x.example/a.yaml']}", "resources"),
    ],
)
def test_a_kustomization_takes_nothing_from_elsewhere(content: str, field: str, tmp_path) -> None:
    never = script(tmp_path, "raise SystemExit('it was run')")
    with pytest.raises(BundleError, match=rf"overlays/dev/kustomization\.yaml line 1, {field}"):
        made({**KUSTOMIZATION, "overlays/dev/kustomization.yaml": content}, kustomize=never)


def test_what_kustomize_has_built_in_takes_nothing_from_elsewhere_either(tmp_path) -> None:
    never = script(tmp_path, "raise SystemExit('it was run')")
    told = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: https://x.example/p.yaml\n"
    with pytest.raises(BundleError, match=r"overlays/dev/patch\.yaml line 4, path"):
        made({**KUSTOMIZATION, "overlays/dev/patch.yaml": told}, kustomize=never)


def test_aliases_of_aliases_are_looked_at_once(tmp_path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    quick = script(tmp_path, "print('a: b')")
    assert made({**KUSTOMIZATION, "base/kustomization.yaml": bomb}, kustomize=quick).members


@pytest.mark.parametrize(
    ("repository", "archive"),
    [
        ("https://github.com/o/r.git", "https://api.github.com/repos/o/r/tarball/{c}"),
        ("https://gitlab.com/g/s/r", "https://gitlab.com/api/v4/projects/g%2Fs%2Fr/repository/archive.tar.gz?sha={c}"),
        ("https://bitbucket.org/o/r", "https://bitbucket.org/o/r/get/{c}.tar.gz"),
        ("https://codeberg.org/o/r", "https://codeberg.org/o/r/archive/{c}.tar.gz"),
        (
            "https://dev.azure.com/org/project/_git/r",
            (
                "https://dev.azure.com/org/project/_apis/git/repositories/r/items?path=/&versionDescriptor.version={c}"
                "&versionDescriptor.versionType=commit&$format=zip&api-version=7.1"
            ),
        ),
    ],
)
def test_an_archive_of_a_commit_is_where_its_host_has_it(repository: str, archive: str) -> None:
    commit = "c" * 40
    assert archive_of(repository, commit) == archive.replace("{c}", commit)


class TestRepositories:
    COMMIT = "c" * 40

    def at(self, path: str) -> str:
        return f"source: {{git: {{repository: 'https://github.com/o/r', commit: {self.COMMIT}, path: {path}}}}}"

    def host(self, files: dict[str, str]) -> Repository:
        content = archive({f"o-r-cccc/{path}": text.encode() for path, text in files.items()})

        class Host(Repository):
            def get(self, url: str, limit: int) -> bytes:
                self.asked.append(url)
                return content

        return Host("x")

    def test_a_folder_with_plain_files_is_a_bundle(self) -> None:
        there = self.host({"deploy/base/web.yaml": WEB, "src/main.go": "package main"})
        result = made({}, self.at("deploy"), fetcher=there)
        assert texts(result) == {"base/web.yaml": WEB}
        assert (result.origin["git"]["commit"], result.origin["git"]["path"]) == (self.COMMIT, "deploy")
        assert there.asked == [f"https://api.github.com/repos/o/r/tarball/{self.COMMIT}"]

    @helm
    def test_a_folder_with_a_chart_is_rendered(self) -> None:
        there = self.host({f"charts/web/{path}": text for path, text in CHART.items()})
        result = made({}, self.at("charts/web"), fetcher=there)
        assert set(texts(result)) == {"rendered/dev.yaml", "rendered/prod.yaml"}
        assert (result.origin["program"], result.origin["git"]["repository"]) == ("helm", "https://github.com/o/r")

    def test_a_folder_that_is_not_there_is_told(self) -> None:
        with pytest.raises(BundleError, match="no files in absent at cccccccccccc"):
            made({}, self.at("absent"), fetcher=self.host({"deploy/web.yaml": WEB}))

    def test_a_repository_sends_to_no_other(self) -> None:
        there = self.host({"slipway.yaml": self.at("x")})
        with pytest.raises(BundleError, match="cannot send to another"):
            made({}, self.at("."), fetcher=there)
