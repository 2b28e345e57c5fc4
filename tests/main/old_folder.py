"""Makes what `test_releases` opens: a data folder as this release leaves it, packed.

    python tests/main/old_folder.py tests/releases/NAME.tar.gz

Run with each release, before it is published, so that every later one opens it.
"""

import json
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from tests.conftest import init, start  # noqa: E402
from things import ACCOUNT, Things  # noqa: E402


def main(packed: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        credential = init(data, "--account", ACCOUNT)
        server = start(data, credential, "--workers", "1")
        try:
            things = Things(server)
        finally:
            server.stop()
        (Path(place) / "told.json").write_text(
            json.dumps({"credential": credential, "things": things.told()}, indent=1)
        )
        with tarfile.open(packed, "w:gz") as file:
            for path in sorted(Path(place).iterdir()):
                file.add(path, path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
