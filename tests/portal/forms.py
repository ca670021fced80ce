"""What a browser would send of a page's form: every field as it stands there."""

from html.parser import HTMLParser

from django.test import Client


class _Fields(HTMLParser):
    """The fields of all forms of a page that a POST would carry, buttons left out."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, list[str]] = {}
        self._name = ""
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        given = dict(pairs)
        if tag == "input" and given.get("type") not in ("submit", "button", "image", "file"):
            box = given.get("type") in ("checkbox", "radio")
            if not box or "checked" in given:
                self._keep(given.get("name"), given.get("value") or ("on" if box else ""))
        elif tag == "select":
            self._name = given.get("name") or ""
        elif tag == "option" and "selected" in given:
            self._keep(self._name, given.get("value") or "")
        elif tag == "textarea":
            self._name, self._text = given.get("name") or "", []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            self._keep(self._name, "".join(self._text).removeprefix("\n"))
            self._text = None

    def _keep(self, name: str | None, value: str) -> None:
        if name and "__prefix__" not in name:
            self.data.setdefault(name, []).append(value)


def filled(client: Client, url: str, **changes: object) -> dict[str, object]:
    """The form at an address as it would be sent, with some fields changed; None leaves a field out."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    fields = _Fields()
    fields.feed(answer.content.decode())
    data: dict[str, object] = {**fields.data, **changes}
    return {name: value for name, value in data.items() if value is not None}
