"""Logging: structlog for our own lines, the same form for those of libraries; JSON for machines, columns for people."""

from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

HIDDEN = ("password", "secret", "token", "authorization", "credential", "kubeconfig", "private")
Event = MutableMapping[str, Any]


def hide_secrets(_logger: object, _method: str, event: Event) -> Event:
    """Replaces values whose name says that they are secret."""
    for name in event:
        if any(word in name.lower() for word in HIDDEN):
            event[name] = "(hidden)"
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_secrets,
]


def configure(form: str, level: str) -> dict[str, Any]:
    """Configures structlog; the value of Django's LOGGING. `form` is json or console."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": structlog.stdlib.ProcessorFormatter, **_formatter(form)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        # One line a message of the queue is noise; its errors are not.
        "loggers": {"django-q": {"level": "WARNING"}, "urllib3": {"level": "ERROR"}},
    }


def _formatter(form: str) -> dict[str, Any]:
    end: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        end += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # The pretty tracebacks print local variables, and with them tokens and passwords.
        plain = structlog.dev.plain_traceback
        end += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    return {"foreign_pre_chain": SHARED, "processors": end}
