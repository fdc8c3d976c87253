"""Programs that stand in for a system's own: they keep state in a folder, and note how they were called."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_CRONTAB = """
case "$1" in
  -l) [ -f "$STATE/crontab" ] || { echo "no crontab for alice" >&2; exit 1; }; cat "$STATE/crontab";;
  -r) rm "$STATE/crontab";;
  -) cat > "$STATE/crontab";;
  *) exit 64;;
esac
"""
# A plist that is loaded is a file in the folder of its domain.
_LAUNCHCTL = """
label=${2##*/}
case "$1" in
  bootstrap) mkdir -p "$STATE/$2"; cp "$3" "$STATE/$2/$(basename "$3" .plist)";;
  bootout) [ -f "$STATE/$2" ] || { echo "Boot-out failed: 3: No such process" >&2; exit 3; }; rm "$STATE/$2";;
  print) [ -f "$STATE/$2" ] || { echo "Could not find service \\"$label\\" in domain" >&2; exit 113; }
    printf '%s = {\\n\\tstate = not running\\n\\tlast exit code = %s\\n}\\n' "$2" "$(cat "$STATE/last" || echo '(never exited)')";;
  *) exit 64;;
esac
"""
_SCHTASKS = """
verb=$1; name=$3
case "$verb $4" in
  "/Create /XML") [ "$6" = /F ] && cp "$5" "$STATE/task-$name";;
  "/Query /XML") [ -f "$STATE/task-$name" ] || { echo "ERROR: The system cannot find the file specified." >&2; exit 1; }
    cat "$STATE/task-$name";;
  "/Query /FO") printf '"PC","\\\\%s","27.11.2026 03:21:00","Bereit","Interaktiv","26.11.2026 03:20:11","%s","PC\\\\alice"\\n' \\
    "$name" "$(cat "$STATE/last" || echo 267011)";;
  "/Delete /F") rm "$STATE/task-$name";;
  *) exit 64;;
esac
"""
# No manager listens here.
_SYSTEMCTL = """
echo "Failed to connect to bus: No medium found" >&2
exit 1
"""
_ALL = {"crontab": _CRONTAB, "launchctl": _LAUNCHCTL, "schtasks": _SCHTASKS, "systemctl": _SYSTEMCTL}


class Programs:
    """The folder of the programs, that of their state, and an environment in which they are found."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state of programs"
        self.bin = folder / "bin"
        self.state.mkdir()
        self.bin.mkdir()
        for name, text in _ALL.items():
            path = self.bin / name
            path.write_text(f'#!/bin/sh\nSTATE="{self.state}"\necho "{name} $*" >> "$STATE/calls"\n{text}')
            path.chmod(0o755)
        self.path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def calls(self) -> list[str]:
        """What was called, with what."""
        return (self.state / "calls").read_text().splitlines()


NEEDED = sys.platform != "win32" and shutil.which("sh") is not None
