"""Which operation a request is for.

    POST /, X-Amz-Target: <prefix>.<operation>                    JSON 1.1
    POST /service/<prefix>/operation/<operation>, Smithy-Protocol RPC v2 CBOR
    POST /, a form with Action and Version                        query (IAM, STS)
    GET /?Action=...&Version=...                                  the same

The credential scope names a service as well; that the two agree is the verifier's affair, which
is told which service to expect.  A request without any signature is told so, whatever it asks for,
unless that is one of the few operations that need none.
"""

import re
from typing import Any

from strongroom.errors import Fault, MissingAuthenticationToken, UnknownOperation
from strongroom.server.http import Request, is_form
from strongroom.server.operations import Endpoint, Table
from strongroom.wire import cbor, query
from strongroom.wire.protocol import Protocol

_RPC_V2_CBOR = b"rpc-v2-cbor"
_REGIONAL_HOST = re.compile(
    rb"[a-z0-9-]+\.([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2})\.[a-z0-9.-]+(?::[0-9]+)?"
)
_GLOBAL = "us-east-1"


Way = tuple[Endpoint, Any]
"""An endpoint, and what its `decode` takes."""


class Router:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._targets = {
            f"{place}.{name}".encode(): endpoint
            for (protocol, place, name), endpoint in table.items()
            if protocol is Protocol.JSON11
        }

    def __call__(self, request: Request) -> Way:
        """The operation; UnknownOperation, or MissingAuthenticationToken, if there is none."""
        target = request.headers.get(b"x-amz-target")
        endpoint = None if target is None else self._targets.get(target)
        if endpoint is not None and request.method == b"POST":
            return endpoint, request.body
        if b"authorization" not in request.headers:
            return self._unsigned(request)
        if target is not None:
            raise UnknownOperation
        match request.method, protocol_of(request):
            case b"POST", Protocol.CBOR:
                return self._by_path(request)
            case b"POST" | b"GET", Protocol.QUERY:
                return self._by_form(request)
        raise UnknownOperation

    def _unsigned(self, request: Request) -> Way:
        """An operation that needs no signature; MissingAuthenticationToken for all else."""
        form = protocol_of(request) is Protocol.QUERY and request.method in (b"POST", b"GET")
        try:
            way = self._by_form(request) if form else None
        except Fault:
            way = None
        if way is None or way[0].signed:
            raise MissingAuthenticationToken
        return way

    def _by_path(self, request: Request) -> Way:
        route = cbor.route(request.target.partition(b"?")[0])
        endpoint = route and self._table.get((Protocol.CBOR, route.service, route.operation))
        if not endpoint:
            raise UnknownOperation
        return endpoint, request.body

    def _by_form(self, request: Request) -> Way:
        asked = request.target.partition(b"?")[2]
        both = b"&" if asked and request.body else b""
        form = query.parse(asked + both + request.body)
        endpoint = self._table.get((Protocol.QUERY, form.version, form.action))
        if endpoint is None:
            raise query.unknown(form)
        return endpoint, form.parameters


def protocol_of(request: Request) -> Protocol:
    """The protocol in which a refusal is to be told, as far as the request shows one."""
    headers = request.headers
    if headers.get(b"smithy-protocol") == _RPC_V2_CBOR:
        return Protocol.CBOR
    if b"x-amz-target" not in headers and (is_form(headers) or b"Action=" in request.target):
        return Protocol.QUERY
    return Protocol.JSON11


def region_of_host(request: Request) -> str:
    """The Region of a request that no signature has one for: `sts.eu-west-1.…` is of that Region,
    every other host of the one where AWS's global endpoints are.
    """
    match = _REGIONAL_HOST.fullmatch(request.headers.get(b"host", b"").lower())
    return _GLOBAL if match is None else match[1].decode()
