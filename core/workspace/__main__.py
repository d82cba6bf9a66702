"""Take a workspace to another machine, or keep a copy of it.

    python -m core.workspace export FILE.tar     everything that people made here, in one file
    python -m core.workspace import FILE.tar     into an empty workspace, whole or not at all

The workspace is the folder OMOKAGE_HOME, else what the app takes. The app may run during an export; the import wants
an empty one. Models that were downloaded are not in the file, and are fetched again. It holds talks, keys' digests and
the secrets of bots: keep it as you keep those.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import AppError
from core.settings import Settings
from core.text import format_bytes, speak_utf8
from core.workspace.moving import export_workspace, import_workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it and say what was done; the exit status."""
    speak_utf8(sys.stdout, sys.stderr)
    parser = argparse.ArgumentParser(
        prog="python -m core.workspace", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("export", "import"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    try:
        home = Settings.from_env().home
        moved = (
            export_workspace(home, options.file) if options.what == "export" else import_workspace(options.file, home)
        )
    except AppError as error:
        print(f"{error}\n{error.ja}", file=sys.stderr)
        return 2
    way = f"{home} → {options.file}" if options.what == "export" else f"{options.file} → {home}"
    print(f"{way}: {moved.files} files, {format_bytes(moved.bytes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
