#!/usr/bin/env python
"""The portal's commands: `python manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

from config import database

# Nothing is started for these: they never ask the database.
WITHOUT_DATABASE = {"help", "version", "collectstatic", "compilemessages", "makemessages", "findstatic", "diffsettings"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command not in WITHOUT_DATABASE and not {"--help", "-h", "--version"} & set(sys.argv):
        try:
            database.ensure_started()
        except database.DatabaseError as error:
            sys.exit(f"error: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
