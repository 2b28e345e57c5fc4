import json

from strongroom.server.log import to_stderr


def test_a_line_is_one_json_object_with_its_time(capsys):
    log = to_stderr(lambda: 1_795_463_765.0421, worker=1)
    log("worker-died", how="a\nline", request="9d0c")
    log("stopping")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first) == {
        "time": "2026-11-23T19:56:05.042Z",
        "event": "worker-died",
        "worker": 1,
        "how": "a\nline",
        "request": "9d0c",
    }
    assert json.loads(second)["event"] == "stopping"
