"""Requests as boto3 sends them, byte for byte, signed beforehand.

boto3 makes and signs each request; where it would send it, the bytes are taken instead.  What it
leaves to urllib3 (the request line, `Host`, `Accept-Encoding`) is put in front, as urllib3 does.
"""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from bench.processes import REGION, Account


class _Raw:
    """What boto3 takes for the body of an answer; the answer is thrown away."""

    def stream(self) -> Iterator[bytes]:
        yield b"{}"


class Client:
    """A boto3 client for one server: to ask it, and to sign what is sent by others."""

    def __init__(self, url: str, account: Account) -> None:
        def client() -> Any:
            return boto3.client(
                "kms",
                region_name=REGION,
                endpoint_url=url,
                aws_access_key_id=account.key_id,
                aws_secret_access_key=account.secret,
                aws_session_token=account.token,
                config=Config(retries={"total_max_attempts": 1}),
            )

        self.ask = client()
        self._signing = client()
        self._taken: list[bytes] = []
        self._signing.meta.events.register("before-send.kms.*", self._take)
        self._host = url.removeprefix("http://").encode()

    def signed(self, operation: str, **parameters: object) -> bytes:
        """One request; `operation` is boto3's name, `generate_data_key`."""
        call: Callable[..., object] = getattr(self._signing, operation)
        call(**parameters)
        return self._taken.pop()

    def _take(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        head = [b"POST / HTTP/1.1", b"Host: " + self._host, b"Accept-Encoding: identity"]
        for name, value in request.headers.items():
            head.append(
                name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
            )
        self._taken.append(b"\r\n".join(head) + b"\r\n\r\n" + request.body)
        return AWSResponse(request.url, 200, {}, _Raw())
