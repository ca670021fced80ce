"""What is a placeholder: what slipway.yaml or an environment declares. All else in ${…} stays, byte for byte."""

from dataclasses import replace

import pytest

from environments.manifests.bundle import ManifestBundle
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.errors import BundleErrors
from environments.manifests.notes import LEFT, OBJECTS_SHOWN, ReadingNote, by_title
from environments.manifests.render import Rendering, images_needed, render

from .making import CONFIG_MAP, DEPLOYMENT, IMAGES, SECRET, bundle, dev

HOST = ConfiguredValue("", "HOST", "shop.example")
SCRIPT = CONFIG_MAP.replace("LEVEL: info", "run.sh: |\n    TEXT")


def read(text: str, *entries: ConfiguredValue, slipway: str = "change: major", **changes: object) -> str:
    found = render(bundle(base=SCRIPT.replace("TEXT", text), slipway=slipway), dev(*entries, **changes), IMAGES)
    return str(found.objects[0].manifest["data"]["run.sh"]).removesuffix("\n")


@pytest.mark.parametrize(
    "text",
    [
        "echo ${HOME} ${x} ${_}",
        "cp ${1} ${@} ${#list[@]} ${!name} ${?}",
        "a=${NAME:-none} b=${NAME%%.*} c=${NAME//x/y} d=${NAME:?is missing} e=${HOST:-none}",
        "echo $${x} $$ $${HOME:-a} $${} $$$${y}",
        "${DS_PROMETHEUS} ${__rate_interval} ${datasource:regex} ${{ github.ref }}",
        "proxy_pass http://${backend}:8080${request_uri}; # ${",
        "open ${ and never closed, }",
        "{{ tpl }} $(VAR) $VAR @{x} ${ünï}",
        "${host} ${HOSTS} ${XHOST}",
    ],
)
def test_what_nothing_declares_stays_as_it_is(text: str) -> None:
    assert read(text, HOST) == text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("https://${HOST}/${path}", "https://shop.example/${path}"),
        ("$${HOST} ${HOST} $${path}", "${HOST} shop.example $${path}"),
        ("$$${HOST}", "$${HOST}"),
        ("${SLIPWAY_ENVIRONMENT}-${HOME}", "dev-${HOME}"),
        ("${HOST}${HOST}}", "shop.exampleshop.example}"),
        ("${HOST:-none}", "${HOST:-none}"),
    ],
)
def test_what_the_environment_has_a_value_for_is_filled_in(text: str, filled: str) -> None:
    assert read(text, HOST) == filled


@pytest.mark.parametrize(
    ("slipway", "name"),
    [
        ("placeholders: [HOST]", "HOST"),
        ("placeholderPrefix: APP_", "APP_HOST"),
        ("placeholderPrefix: APP_\nplaceholders: [HOST]", "HOST"),
        ("change: major", "SLIPWAY_VERSON"),
    ],
)
def test_what_is_declared_and_has_no_value_is_an_error(slipway: str, name: str) -> None:
    with pytest.raises(BundleErrors, match=rf"data\[\"run.sh\"\]: \${{{name}}} has no value in this environment"):
        read(f"a ${{{name}}}", slipway=slipway)


def test_what_another_environment_has_a_value_for_is_declared_here_too() -> None:
    with pytest.raises(BundleErrors, match=r"\$\{HOST\} has no value in this environment"):
        read("${HOST}", declared=frozenset({"HOST"}))
    assert read("$${HOST}", declared=frozenset({"HOST"})) == "${HOST}"


def test_names_of_the_applications_prefix_take_their_values_from_configuration() -> None:
    entry = ConfiguredValue("", "APP_HOST", "shop.example")
    assert read("${APP_HOST} ${OTHER_HOST}", entry, slipway="placeholderPrefix: APP_") == "shop.example ${OTHER_HOST}"


def test_what_is_declared_is_sensitive_as_before() -> None:
    password = ConfiguredValue("", "PASSWORD", "hush", sensitive=True)
    with pytest.raises(BundleErrors, match="is sensitive, so it may stand in the data or stringData of a Secret only"):
        read("${PASSWORD}", password)
    assert read("$${PASSWORD}", password) == "${PASSWORD}"


def test_slipway_yaml_takes_declared_names_only() -> None:
    slipway = "smokeTests: [{name: '${WHAT}', service: web, port: 80}]"
    with pytest.raises(BundleErrors, match=r"slipway.yaml line 1, smokeTests\[0\].name: \$\{WHAT\} has no value"):
        read("x", slipway=slipway)


def test_bundles_of_before_keep_their_escapes() -> None:
    before: ManifestBundle = replace(bundle(base=SCRIPT.replace("TEXT", "$${LEVEL} ${HOST}")), every_escape=True)
    assert render(before, dev(HOST), IMAGES).objects[0].manifest["data"]["run.sh"] == "${LEVEL} shop.example\n"


def test_a_key_may_look_like_a_placeholder() -> None:
    widget = "apiVersion: example.test/v1\nkind: Widget\nmetadata: {name: x}\nspec: {'${x}': 1}\n"
    found = render(bundle(base=widget), dev(allowed_kinds=("Widget",)), {}).objects[0]
    assert found.manifest["spec"] == {"${x}": 1}


def test_a_name_with_an_undeclared_placeholder_says_so() -> None:
    with pytest.raises(BundleErrors, match=r"neither slipway\.yaml nor an environment declares such a placeholder"):
        render(bundle(base=CONFIG_MAP.replace("web-config", "web-${TRACK}")), dev(), {})


def test_an_image_with_an_undeclared_placeholder_is_the_releases_or_an_error() -> None:
    files = bundle(base=DEPLOYMENT.replace("example/web", "example/web:${TAG}"))
    assert render(files, dev(), IMAGES).notes == ()
    with pytest.raises(BundleErrors, match=r"web:\$\{TAG\} is no image: neither slipway.yaml nor an environment"):
        images_needed(files, dev(), {})


def notes_of(rendering: Rendering) -> list[tuple[str, str, tuple[str, ...]]]:
    return [tuple(note) for note in rendering.notes]


def test_what_is_left_is_told_and_what_may_be_a_typo() -> None:
    text = SCRIPT.replace("TEXT", "${HOST} ${HOSTT} ${x} ${x} ${y:-1} $${HOST}")
    found = render(bundle(base=text), dev(HOST), IMAGES)
    assert notes_of(found) == [(LEFT, "ConfigMap web-config", ("${HOSTT} (did you mean ${HOST}?)", "${x}", "${y:-1}"))]


def test_of_a_secret_only_the_place_is_told() -> None:
    found = render(bundle(base=SECRET.replace("hush", "a${4711}")), dev(), IMAGES)
    assert notes_of(found) == [(LEFT, "Secret web-secrets", ("stringData.PASSWORD",))]


def test_many_notes_are_counted() -> None:
    notes = [ReadingNote("a", f"o{n}", tuple("abcdefghij")) for n in range(OBJECTS_SHOWN + 3)]
    [(title, text)] = by_title(notes)
    assert (title, text.count(";")) == ("a", OBJECTS_SHOWN)
    assert text.startswith("o0: a, b, c, d, e, f, g, h, 2 more; o1: ")
    assert text.endswith("and 3 more objects")
