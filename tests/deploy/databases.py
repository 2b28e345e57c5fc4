"""Scripts of `deploy/` run here: their folders moved to a temporary one, over a real PostgreSQL."""

import os
import subprocess
import sys


class Elsewhere:
    """A machine's folders, each at a place of a test's own."""

    def __init__(self, folder, address):
        self.folder = folder
        self._service = folder / "pg_service.conf"
        host = address.partition("?host=")[2]
        name = address.partition("@/")[2].partition("?")[0]
        self._service.write_text(f"[strongroom]\nhost={host}\nuser=strongroom\ndbname={name}\n")
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "strongroom"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m strongroom "$@"\n')
        program.chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGSERVICEFILE": str(self._service),
        }

    def begin(self, script, places):
        """Run a shell script in which each path of `places` is another."""
        for path, place in sorted(places.items(), key=lambda one: -len(one[0])):
            script = script.replace(path, str(place))
        return subprocess.Popen(
            ["/bin/sh", "-euc", script],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script, places):
        """What it says; AssertionError if it fails."""
        process = self.begin(script, places)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return out + errors
