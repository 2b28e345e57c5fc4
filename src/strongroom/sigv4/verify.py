"""Is this request signed by whom it says?  `Verifier.verify` returns, and then it is; or it raises.

What is asked, in the order in which AWS answers:

1. a well-formed Authorization header and a date                      IncompleteSignature
2. a date within five minutes                                         InvalidSignature
3. `host`, every `x-amz-*` header and the content type are signed     InvalidSignature
4. a scope of a Region, this service and the right day                InvalidSignature
5. a key that exists, with the session token that was sent, if any    UnrecognizedClient
6. the signature, over the body's own hash                            InvalidSignature

1 to 4 are `admission`'s.  A body's hash sent along must be the body's, so `UNSIGNED-PAYLOAD` fails.

INVARIANT: what is remembered here is remembered only after a signature made with it was right, and
each entry answers exactly as a fresh examination would.  So nobody without a key can fill the
memory, and forgetting is always safe.  What is made of a secret is remembered together with it, and
is not used for another.

A request by an unknown key costs the same hashing as any other before it is refused.  AWS tells an
unknown key from a wrong signature by its answer, and so do we: that a key id exists is no secret.

The caller is never shown the canonical request that we computed: it would tell whoever stands
between client and server what to change.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol, TypeVar

from strongroom.errors import InvalidSignature, UnrecognizedClient
from strongroom.sigv4 import canonical
from strongroom.sigv4.admission import admitted
from strongroom.sigv4.header import Scope
from strongroom.sigv4.memory import Signer, Stamp, make_room
from strongroom.sigv4.moment import SKEW, read
from strongroom.sigv4.signing import primed, signing_key

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_HEX = 64  # digits of a signature
_MAX_BEGINNING = 1_024  # bytes of an Authorization header that is remembered; SDKs send about 200
_MAX_STAMPS = 1024  # there are 601 seconds in the window


class Secret(Protocol):
    """A key as the lookup gives it: its id, and the secret that signs with it."""

    @property
    def key_id(self) -> str: ...
    @property
    def secret(self) -> str: ...


S = TypeVar("S", bound=Secret)


class Verifier:
    """Verifies signatures and remembers what it may.  Not for use by several threads at once."""

    def __init__(self, *, max_cached_keys: int = 1024) -> None:
        self._signers: dict[bytes, Signer] = {}  # by the Authorization header up to its signature
        self._stamps: dict[bytes, Stamp] = {}  # by X-Amz-Date
        self._max_signers = max_cached_keys

    def verify(
        self,
        method: bytes,
        target: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        *,
        service: str,
        now: float,
        lookup: Callable[[str, bytes | None], S | None],
    ) -> tuple[S, Scope]:
        """The key that signed this request, and the scope it signed for.

        `headers` have lower-case names and trimmed values; a name sent twice has its values joined
        by commas.  `lookup` is given a key's id and the session token that came with it, and answers
        None if they do not belong together; what it raises passes through, and nothing is
        remembered then.

        Raises: MissingAuthenticationToken, IncompleteSignature, InvalidSignature or
        UnrecognizedClient, each with AWS's sentence.
        """
        # One function, since every request goes through it and a call in Python costs as much as
        # a hash.  First what must hold before hashing: remembered, or examined.
        authorization = headers.get(b"authorization", b"")
        date = headers.get(b"x-amz-date", b"")
        signer = self._signers.get(authorization[:-_HEX])
        stamp = self._stamps.get(date)
        fresh = stamp is None
        if stamp is None and signer is not None and date:
            stamp = Stamp(read(date))
        if (
            signer is not None
            and stamp is not None
            and -SKEW <= stamp.at - now <= SKEW
            and signer.date == stamp.date
            and signer.service == service
            and signer.harmless.issuperset(headers)
        ):
            given, rememberable = authorization[-_HEX:], True
        else:
            whole, moment = admitted(authorization, headers, service, now)
            # What the beginning of the header says does not depend on the signature after it.
            signer, stamp = signer or Signer(whole.scope, whole.signed), stamp or Stamp(moment)
            given, rememberable, fresh = whole.signature, whole.signature_is_last, True

        entry = lookup(signer.key_id, headers.get(b"x-amz-security-token"))
        key, dated = signer.key, signer.dated
        if entry is None or key is None or signer.secret is not entry.secret:
            scope = signer.scope
            secret = "" if entry is None else entry.secret
            key = primed(signing_key(secret, scope.date, scope.region, scope.service))
            dated, fresh = None, True
        if dated is None or signer.stamp is not stamp:
            dated = key.inner.copy()
            dated.update(stamp.line + signer.tail)

        # The canonical request, hashed up to the body's hash, with which it ends.
        try:
            values = signer.values(headers)
        except KeyError:  # signed, and lost on the way
            raise InvalidSignature(MISMATCH) from None
        to_root = method == b"POST" and target == b"/"
        begun = signer.begun.get(values) if to_root else None
        if begun is None:
            begun = sha256(canonical.beginning(method, target, signer.template, values))
            fresh = fresh or to_root
        body_hash = sha256(body).hexdigest().encode()
        request = begun.copy()
        request.update(body_hash)

        # HMAC of the string to sign, which ends with the canonical request's hash.
        inner = dated.copy()
        inner.update(request.hexdigest().encode())
        outer = key.outer.copy()
        outer.update(inner.digest())
        right = compare_digest(outer.hexdigest().encode(), given)

        if entry is None:
            raise UnrecognizedClient
        if not right or headers.get(b"x-amz-content-sha256", body_hash) != body_hash:
            raise InvalidSignature(MISMATCH)
        if fresh and rememberable:
            signer = self._known(authorization[:-_HEX], signer)
            signer.learn(entry.secret, key, headers)
            if to_root:
                signer.begin(values, begun)
            if date:
                stamp = self._stamp(date, stamp)
        if signer.stamp is not stamp:
            signer.stamp, signer.dated = stamp, dated
        return entry, signer.scope

    def _known(self, beginning: bytes, signer: Signer) -> Signer:
        if len(beginning) > _MAX_BEGINNING:
            return signer
        if beginning not in self._signers:
            make_room(self._signers, self._max_signers)
        return self._signers.setdefault(beginning, signer)

    def _stamp(self, date: bytes, stamp: Stamp) -> Stamp:
        if date not in self._stamps:
            make_room(self._stamps, _MAX_STAMPS)
        return self._stamps.setdefault(date, stamp)
