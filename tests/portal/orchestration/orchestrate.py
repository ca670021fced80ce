"""python -m tests.portal.orchestration.orchestrate: `manage.py orchestrate` with the tests' kinds of work."""

import os
import sys

import django
from django.core.management import execute_from_command_line


def main() -> None:
    """Registers what the tests brought, in this process and its forks, and runs the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from importlib import import_module

    import_module("tests.portal.orchestration.job_kinds")
    import_module("tests.portal.orchestration.pass_kind")
    execute_from_command_line(["manage.py", "orchestrate", *sys.argv[1:]])


if __name__ == "__main__":
    main()
