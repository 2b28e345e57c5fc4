r"""The canonical request: the one form in which both sides sign what was sent.

    method \n path \n query \n name:value \n ... \n \n signed names \n hex(SHA-256(body))

The rules kept here are those of every service but S3:

* the path loses its dot segments and doubled slashes, and what the client has encoded once is
  encoded once more;
* the query is decoded and encoded again, so that `+` and `%20`, `%2f` and `%2F` are one; pairs are
  sorted by name, then value, in their encoded form; a name without `=` has an empty value;
* white space within a header's value is folded to one space.

INVARIANT: no value may bring a line break of its own, else two different requests could have one
canonical form.

Source: IAM User Guide, "Create a signed AWS API request", step 1.
"""

from urllib.parse import quote_from_bytes, unquote_to_bytes

_UNRESERVED = "-_.~"


def beginning(method: bytes, target: bytes, template: bytes, values: tuple[bytes, ...]) -> bytes:
    """The whole request but for the body's hash, which ends it."""
    path, _, query = target.partition(b"?")
    folded = [b" ".join(value.split()) for value in values]
    return template % (method, _path(path), _query(query), *folded)


def template(signed: tuple[bytes, ...]) -> bytes:
    """A %-pattern for `beginning`: method, path, query, and one value for each name."""
    names = [name.replace(b"%", b"%%") for name in signed]
    lines = b"".join(name + b":%b\n" for name in names)
    return b"%b\n%b\n%b\n" + lines + b"\n" + b";".join(names) + b"\n"


def _path(path: bytes) -> bytes:
    if path == b"/":
        return path
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    last = b"/" if kept and path.endswith(b"/") else b""
    return quote_from_bytes(b"/" + b"/".join(kept) + last, safe="/" + _UNRESERVED).encode()


def _query(query: bytes) -> bytes:
    pairs = []
    for pair in query.split(b"&") if query else ():
        name, _, value = pair.partition(b"=")
        pairs.append((_again(name), _again(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs)).encode()


def _again(text: bytes) -> str:
    return quote_from_bytes(unquote_to_bytes(text.replace(b"+", b" ")), safe=_UNRESERVED)
