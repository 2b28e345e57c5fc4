"""`strongroom clock +400d`: move the clock of a throw-away server.

A client like any other: it signs its request as AWS's clients do, with the access key and the
endpoint of the environment, or else those of `strongroom dev`.
"""

import json
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOVE = re.compile(r"([+-]?)(\d{1,9})([smhd])")
_URL = re.compile(r"https?://[^/?#\s]+/?")


def clock(
    by: Annotated[
        str, typer.Argument(metavar="BY", help="+400d, +12h, +30m, +5s; -1d to go back; +0s: look.")
    ],
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Else AWS_ENDPOINT_URL.")
    ] = None,
) -> None:
    """Move the clock of `strongroom dev`, and do at once what has become due.

    Keys rotate, expire and are deleted by this clock; signatures are judged by the true one.
    """
    match = _MOVE.fullmatch(by)
    if match is None:
        _fail(f"`{by}` is not a time to move by; say `+400d`, `+12h`, `+30m` or `+5s`")
    sign, count, unit = match.groups()
    seconds = int(count) * _UNITS[unit] * (-1 if sign == "-" else 1)
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4599"
    if not _URL.fullmatch(url):
        _fail(f"`{url}` is not an endpoint; give a URL such as `http://127.0.0.1:4599`")
    done = _ask(url, seconds)
    print(done["now"])  # noqa: T201
    for word in ("Rotated", "Expired", "Deleted"):
        for arn in done[word]:
            print(f"{word.lower()} {arn}")  # noqa: T201


def _ask(url: str, seconds: int) -> dict[str, Any]:
    from datetime import UTC, datetime

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session

    request = AWSRequest(
        method="POST",
        url=url.rstrip("/") + "/",
        data=json.dumps({"Seconds": seconds}).encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Strongroom.MoveClock",
        },
    )
    credentials = Credentials(
        os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test")
    )
    region = os.environ.get("AWS_REGION", "us-east-1")
    SigV4Auth(credentials, "strongroom", region).add_auth(request)
    try:
        answer = URLLib3Session().send(request.prepare())
    except (BotoCoreError, ValueError):
        _fail(f"`{url}` does not answer; is `strongroom dev` running?")
    try:
        body = json.loads(answer.content)
    except ValueError:
        _fail(f"`{url}` is not a Strongroom: it answered {answer.status_code} without JSON")
    if answer.status_code != 200:
        reason = body.get("message") or body.get("Message") or body.get("__type")
        if body.get("__type") == "UnknownOperationException":
            reason = "only `strongroom dev` has a clock to move"
        _fail(f"the clock was not moved: {reason}")
    body["now"] = datetime.fromtimestamp(body["Now"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return dict(body)


def _fail(sentence: str) -> NoReturn:
    print(f"strongroom: {sentence}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(1)
