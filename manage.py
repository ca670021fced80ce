#!/usr/bin/env python
"""Slipway's commands; `python manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    # Here, since settings are read before a command runs. Less than GitHub waits for an answer (10 s): who calls is
    # told to come again, and the portal's thread is free.
    if sys.argv[1:2] == ["serve"]:
        os.environ.setdefault("SLIPWAY_DATABASE_WAIT_SECONDS", "6")
    execute_from_command_line(sys.argv)
