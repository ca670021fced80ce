"""The forms of a bundle, and what its digest stands for."""

import pytest

from environments.manifests.bundle import ManifestBundle, contents_of, read_bundle
from environments.manifests.errors import BundleErrors

from .making import CONFIG_MAP, DEPLOYMENT, tar_gz, zipped

FILES = {"base/app.yaml": CONFIG_MAP, "overlays/dev/app.yaml": CONFIG_MAP}


def test_the_digest_is_of_the_files_and_not_of_the_archive() -> None:
    packed = read_bundle(tar_gz(FILES), "a.tar.gz")
    assert read_bundle(zipped(dict(reversed(FILES.items()))), "b.zip") == packed
    assert read_bundle(tar_gz({f"repository-1.2/{path}": text for path, text in FILES.items()}), "c.tgz") == packed
    assert read_bundle(tar_gz(FILES | {"README.md": "hello", "base/.hidden.yaml": "["}), "d.tgz") == packed
    assert read_bundle(tar_gz({path: text.replace("\n", "\r\n") for path, text in FILES.items()}), "e.tgz") == packed
    assert read_bundle(tar_gz({path: f"\ufeff{text}" for path, text in FILES.items()}), "f.tgz") == packed
    assert len(packed.digest) == 64


@pytest.mark.parametrize("change", [{"base/app.yaml": f"{CONFIG_MAP}# note\n"}, {"base/more.yaml": ""}])
def test_the_digest_changes_with_every_file(change: dict[str, str]) -> None:
    assert read_bundle(tar_gz(FILES | change), "a.tgz") != read_bundle(tar_gz(FILES), "a.tgz")


def test_a_bundle_is_kept_and_read_again() -> None:
    bundle = read_bundle(tar_gz(FILES), "a.tgz")
    assert ManifestBundle.from_json(bundle.to_json()) == bundle
    assert ManifestBundle.from_json(bundle.to_json()).files == bundle.files


def test_a_bundle_knows_its_environments() -> None:
    assert read_bundle(tar_gz(FILES), "a.tgz").environments == ("dev",)
    rendered = {"rendered/prod.yaml": CONFIG_MAP, "rendered/dev.yaml": CONFIG_MAP}
    assert read_bundle(tar_gz(rendered), "a.tgz").environments == ("dev", "prod")
    assert read_bundle(CONFIG_MAP.encode(), "app.yaml").environments == ()


def test_the_yaml_of_a_bundle_is_parsed_once() -> None:
    first = contents_of(read_bundle(tar_gz(FILES), "a.tgz"))
    assert contents_of(read_bundle(zipped(FILES), "b.zip")) is first


ERRORS = [
    (tar_gz({"README.md": "hello"}), "shop.tgz: has no YAML files; a bundle takes base/, overlays/"),
    (tar_gz({"base/a.yaml": "# nothing\n"}), "the bundle has no objects"),
    (tar_gz({"base/a.yaml": "a: [", "base/b.yaml": "b: ["}), "base/b.yaml line 2: not YAML"),
    (tar_gz({"base/a.yaml": b"a: \xff\n"}), "base/a.yaml line 1: is not UTF-8 text"),
    (tar_gz({"base/a.yaml": b"\xff\xfea"}), "base/a.yaml line 1: is not UTF-16-LE text"),
    (tar_gz({"manifests/a.yaml": CONFIG_MAP, "base/b.yaml": ""}), "manifests/a.yaml: belongs to no part of a bundle"),
    (tar_gz({"base/kustomization.yaml": "resources: []", "base/a.yaml": ""}), "send the output of kustomize build"),
    (tar_gz({"Chart.yaml": "name: x", "base/a.yaml": ""}), "send the output of helm template"),
    (tar_gz({"base/a.yaml": CONFIG_MAP, "rendered/dev.yaml": CONFIG_MAP}), "or rendered/, not both"),
    (
        tar_gz({"base/a.yaml": CONFIG_MAP, "slipway.yaml": "wave: []"}),
        "line 1, wave: unknown, did you mean waves?",
    ),
    (b"hello: [", "shop.tgz: is not an archive, whatever its name says"),
]


@pytest.mark.parametrize(("content", "words"), ERRORS)
def test_errors(content: bytes, words: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        read_bundle(content, "shop.tgz")
    assert words in caught.value.words


def test_every_bad_file_is_told_of() -> None:
    with pytest.raises(BundleErrors) as caught:
        read_bundle(tar_gz({"base/a.yaml": "a: [", "base/b.yaml": "b: !x 2\n", "x/c.yaml": ""}), "shop.tgz")
    assert [error.path for error in caught.value.errors] == ["base/a.yaml", "base/b.yaml", "x/c.yaml"]


def test_one_yaml_file_is_a_bundle_by_its_own_name() -> None:
    assert [file.path for file in read_bundle(DEPLOYMENT.encode(), "/home/ci/app.yaml").files] == ["app.yaml"]


def test_a_yaml_file_may_not_be_too_large() -> None:
    with pytest.raises(BundleErrors, match="larger than 5 MiB"):
        read_bundle(b"a" * (5 * 1024**2 + 1), "app.yaml")


def test_a_file_in_utf_16_is_read_by_its_mark() -> None:
    assert read_bundle(tar_gz({"base/a.yaml": CONFIG_MAP.encode("utf-16")}), "a.tgz").files[0].text == CONFIG_MAP
