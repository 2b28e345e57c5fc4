"""Moving the clock of a throw-away server, and looking at the files it keeps."""

import json
import sqlite3
from pathlib import Path

import psutil
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

DAY = 86_400


def move(server, seconds):
    """`Strongroom.MoveClock`: the time it is now, what was deleted and what rotated."""
    status, answer = ask_to_move(server, json.dumps({"Seconds": seconds}).encode())
    assert status == 200, answer
    return answer


def ask_to_move(server, body):
    request = AWSRequest(
        method="POST",
        url=server.url + "/",
        data=body,
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Strongroom.MoveClock",
        },
    )
    credentials = Credentials(server.access_key_id, server.secret_access_key)
    SigV4Auth(credentials, "strongroom", "us-east-1").add_auth(request)
    session = URLLib3Session()
    try:
        answer = session.send(request.prepare())
        return answer.status_code, json.loads(answer.content)
    finally:
        session.close()


def folder_of(server) -> Path:
    """Where a throw-away server keeps its files."""
    files = psutil.Process(server.process.pid).open_files()
    (lock,) = {Path(file.path) for file in files if file.path.endswith("/lock")}
    return lock.parent


def rows(folder: Path, query: str, *values):
    connection = sqlite3.connect(f"file:{folder / 'strongroom.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def everything_kept(folder: Path) -> bytes:
    """The bytes of all files of the database, as they lie on the disk."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("strongroom.db*")))


def lines(server):
    for path in (folder_of(server) / "audit").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            if line.startswith(b'{"eventVersion":'):
                yield line


def recorded(server, request_id):
    """The record of a request whose answer is here; there is exactly one."""
    (event,) = [
        event for event in map(json.loads, lines(server)) if request_id == event["requestID"]
    ]
    return event


def record_of(server, answer):
    return recorded(server, answer["ResponseMetadata"]["RequestId"])
