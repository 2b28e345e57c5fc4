"""Sign requests.json with botocore's SigV4Auth and write botocore.json: name -> Authorization."""

import json
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = Path(__file__).parent


def main() -> None:
    given = json.loads((HERE / "requests.json").read_text())
    now = datetime.strptime(given["date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signed = {}
    for case in given["cases"]:
        request = AWSRequest(
            case["method"],
            "http://" + case["headers"]["Host"] + case["target"],
            headers=case["headers"],
            data=case["body"].encode(),
        )
        signer = SigV4Auth(
            Credentials(given["key_id"], given["secret"]), case["service"], case["region"]
        )
        with mock.patch("botocore.auth.get_current_datetime", return_value=now):
            signer.add_auth(request)
        signed[case["name"]] = request.headers["Authorization"]
    (HERE / "botocore.json").write_text(json.dumps(signed, indent=2) + "\n")


if __name__ == "__main__":
    main()
