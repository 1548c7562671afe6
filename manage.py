#!/usr/bin/env python3
"""The only script: finds its environment and its servers, then it is Django's manage.py."""

import os
import sys

# Plain syntax: an old Python must be able to read as far as the sentence that names the fix.
if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the whole point
        sys.exit(
            "Daybook needs Python 3.11 or newer, and this is Python {}.{}. Install a newer one and name it, for example: "
            "python3.12 manage.py {}".format(sys.version_info[0], sys.version_info[1], " ".join(sys.argv[1:]) or "up")
        )
    if os.name == "nt":
        sys.exit("Daybook runs on Linux and macOS. On Windows use WSL2: wsl --install, then clone it in there.")

    from config.local import bootstrap

    bootstrap.enter_environment()

    from config.local import commands

    commands.execute(sys.argv)
