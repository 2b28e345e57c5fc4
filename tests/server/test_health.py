import pytest

from strongroom.server.health import with_health
from strongroom.server.http import Answer, Request


class Door:
    def __init__(self, **settings):
        self.reason = None
        self.door = with_health(
            lambda request, reply: reply(Answer(418, b"", request.target)),
            not_ready=lambda: self.reason,
            **settings,
        )

    def ask(self, method, target, headers=None):
        answers = []
        self.door(Request(method, target, headers or {}, b"", "192.0.2.7", None), answers.append)
        [answer] = answers
        return answer


def said(answer):
    return answer.status, answer.body


def test_it_lives_and_is_ready_or_says_why_not():
    door = Door()
    assert said(door.ask(b"GET", b"/livez")) == (200, b"ok\n")
    assert said(door.ask(b"HEAD", b"/readyz")) == (200, b"ok\n")
    door.reason = "the database does not answer"
    assert said(door.ask(b"GET", b"/readyz")) == (503, b"not ready: the database does not answer\n")
    assert door.ask(b"GET", b"/livez").status == 200


def test_metrics_are_there_if_asked_for():
    assert Door().ask(b"GET", b"/metrics").status == 418
    answer = Door(metrics=lambda: b"up 1\n").ask(b"GET", b"/metrics")
    assert said(answer) == (200, b"up 1\n")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in answer.headers


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        (b"POST", b"/", {}),
        (b"PUT", b"/livez", {}),
        (b"GET", b"/livez/", {}),
        (b"GET", b"/livez?prefix=a", {}),
        (b"GET", b"/livez", {b"authorization": b"AWS4-HMAC-SHA256 Credential=..."}),
    ],
)
def test_everything_else_is_the_apps(method, target, headers):
    assert Door().ask(method, target, headers) == Answer(418, b"", target)
