"""What the portal's templates share: icons, states and times."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# One shape for each kind of state, so that colour is never the only sign. 16 by 16, drawn with the current colour.
SHAPES = {
    "good": '<circle cx="8" cy="8" r="7" stroke-width="1.6"/><path d="M4.8 8.3l2.2 2.2 4.3-4.6" stroke-width="1.7"/>',
    "run": '<circle cx="8" cy="8" r="6.6" stroke-opacity=".28" stroke-width="1.8"/>'
    '<path class="spin" d="M8 1.4a6.6 6.6 0 0 1 6.6 6.6" stroke-width="1.8"/>',
    "ask": '<path d="M8 1l7 7-7 7-7-7z" stroke-width="1.5"/><path d="M8 5v3.6M8 11v.1" stroke-width="1.7"/>',
    "bad": '<path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z" stroke-width="1.5"/>'
    '<path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" stroke-width="1.7"/>',
    "hold": '<circle cx="8" cy="8" r="7" stroke-width="1.5"/><path d="M6.2 5.4v5.2M9.8 5.4v5.2" stroke-width="1.8"/>',
    "idle": '<circle cx="8" cy="8" r="6.6" stroke-width="1.5" stroke-dasharray="2.4 2.4"/>',
    "back": '<path d="M6.5 3L2 7.5 6.5 12M2.5 7.5H10a4 4 0 0 1 0 8H8" stroke-width="1.7"/>',
    "change": '<path d="M8 2.5l6 11H2z" stroke-width="1.5"/>',
    "new": '<path d="M8 2v12M2 8h12" stroke-width="2"/>',
}


@register.simple_tag
def icon(kind: str) -> SafeString:
    """The shape of a kind of state; an unknown kind is drawn as idle."""
    # The shapes are the constants above.
    shape = mark_safe(SHAPES.get(kind, SHAPES["idle"]))  # noqa: S308 # nosec
    return format_html('<svg class="icon {}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', kind, shape)


@register.simple_tag
def state(kind: str, word: str) -> SafeString:
    """A state as shape, colour and word."""
    return format_html('<span class="state {}">{}{}</span>', kind, icon(kind), word)


def _time(when: datetime, style: str, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{} UTC" data-style="{}">{}</time>',
        when.isoformat(),
        f"{when:%Y-%m-%d %H:%M:%S}",
        style,
        text,
    )


@register.simple_tag
def ago(when: datetime | None) -> SafeString | str:
    """How long ago, ticked in the browser. The server's text is absolute, since a relative one defeats the ETag."""
    return _time(when, "ago", f"{when:%d %b %H:%M} UTC") if when else ""


@register.simple_tag
def until(when: datetime | None) -> SafeString | str:
    """How long until then, ticked in the browser."""
    return _time(when, "until", f"at {when:%d %b %H:%M} UTC") if when else ""


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None = None) -> SafeString | str:
    """From start to end; while there is no end, ticked in the browser."""
    if not start:
        return ""
    return span(end - start) if end else _time(start, "elapsed", f"since {start:%H:%M:%S} UTC")


@register.filter
def utc(when: datetime | None) -> str:
    """An absolute time, in UTC and saying so."""
    return f"{when.astimezone(timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S} UTC" if when else ""


@register.filter
def span(duration: timedelta) -> str:
    """A duration with two units at the most; under ten seconds with a tenth."""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d"


@register.filter
def short_digest(digest: str) -> str:
    """The first twelve digits of a digest in groups of four, as a person compares them."""
    digits = digest.rpartition(":")[2][:12]
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
