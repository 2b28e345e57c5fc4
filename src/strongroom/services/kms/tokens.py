"""Grant tokens as operations take them: each must be genuine, wherever it is given.

Every grant is known to every worker before CreateGrant answers, so a token adds nothing to what
its grant allows, and one whose grant is gone takes nothing away: a token decides no request but
RetireGrant.  How it is made is in `keys.grant_token`.
"""

from collections.abc import Sequence

from strongroom.keys import grant_token
from strongroom.keys.grant import Grant
from strongroom.services.call import Call
from strongroom.services.kms.world import Kms, KmsBooks


def require(kms: Kms | KmsBooks, call: Call, tokens: Sequence[str] | None) -> None:
    """InvalidGrantToken unless every one was given by CreateGrant in this Region."""
    for text in tokens or ():
        _genuine(kms, call, text)


def grant_of(kms: KmsBooks, call: Call, text: str) -> Grant:
    """The grant that a token stands for; InvalidGrantToken if it is none's, or its grant is gone."""
    token = _genuine(kms, call, text)
    grant = kms.books.grant(token.account, call.region, token.grant_id)
    if grant is None:
        raise grant_token.invalid()
    return grant


def _genuine(kms: Kms | KmsBooks, call: Call, text: str) -> grant_token.Token:
    token = grant_token.parse(text)
    token.require(kms.books.domain(token.account, call.region))
    return token
