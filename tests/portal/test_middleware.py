"""What stands around every request: what cannot be read is refused, and what is answered may be kept by few."""

import pytest
from django.test import Client

PROBLEM = "application/problem+json"

UNREADABLE = [
    ("a charset that is no text", {"CONTENT_TYPE": "application/json; charset=rot13"}, ""),
    ("a charset that is no text, and a parameter", {"CONTENT_TYPE": "text/plain; charset=rot13"}, "?q=%41"),
    ("a charset with escapes", {"CONTENT_TYPE": "text/plain; charset=unicode_escape"}, ""),
    ("another charset", {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=latin-1"}, ""),
    ("a NUL in a parameter", {}, "?q=a%00b"),
    ("a NUL in the path", {}, "%00"),
    ("a NUL in a cookie", {"HTTP_COOKIE": 'sessionid="12345678\\000"'}, ""),
    ("a NUL in a header", {"HTTP_X_GITHUB_DELIVERY": "a\0b"}, ""),
]


@pytest.mark.parametrize(("what", "headers", "rest"), UNREADABLE, ids=[what for what, *_ in UNREADABLE])
@pytest.mark.parametrize(("path", "kind"), [("/rollouts", "text/html; charset=utf-8"), ("/api/v1/rollouts", PROBLEM)])
def test_what_cannot_be_read_is_refused(
    client: Client, path: str, kind: str, what: str, headers: dict[str, str], rest: str
) -> None:
    answer = client.get(path + rest, **headers)
    assert (answer.status_code, answer["Content-Type"]) == (400, kind)
    assert "UTF-8" in answer.content.decode()
    assert "default-src" in answer["Content-Security-Policy"]


ERRORS = [
    ("GET", "/api/v1/", 404),
    ("GET", "/api/v1/nothing", 404),
    ("DELETE", "/api/v1/matrix", 405),
    ("GET", "/webhooks/github/shop", 405),
    ("POST", "/webhooks/github/", 404),
    ("POST", "/api/nothing", 404),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
def test_programs_get_every_error_as_a_problem(client: Client, method: str, path: str, status: int) -> None:
    answer = client.generic(method, path)
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (status, PROBLEM, "no-store")
    assert answer.json()["status"] == status
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer.has_header("Allow") is (status == 405)


LENGTHS = ["x", "-1", "", "9" * 5000, "٣"]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.django_db
def test_a_length_that_is_none_breaks_nothing(client: Client, length: str) -> None:
    answer = client.generic("POST", "/api/v1/releases", b"{}", CONTENT_LENGTH=length)
    assert answer.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("form", [{"digest": "a\0b"}, {"a\0b": "x"}, {"comment": ["fine", "\0"]}])
@pytest.mark.parametrize("path", ["/rollouts/1/approve", "/rollouts/new", "/sign-in", "/admin/login/"])
def test_a_form_with_text_that_cannot_be_stored_is_refused(client: Client, path: str, form: dict[str, object]) -> None:
    answer = client.post(path, form)
    assert (answer.status_code, "UTF-8" in answer.content.decode()) == (400, True)
