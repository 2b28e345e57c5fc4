"""GetPublicKey."""

from functools import partial

from strongroom.errors import UnsupportedOperation
from strongroom.keys import states
from strongroom.keys.specs import Family
from strongroom.services.call import Call
from strongroom.services.kms import access, metadata, tokens
from strongroom.services.kms.circumstances import of_alias
from strongroom.services.kms.identifiers import any_form
from strongroom.services.kms.world import Kms
from strongroom.wire.shapes.kms import GetPublicKeyRequest, GetPublicKeyResponse


def get_public_key(kms: Kms, call: Call, rq: GetPublicKeyRequest) -> GetPublicKeyResponse:
    """The public half of an asymmetric key, as SPKI."""
    tokens.require(kms, call, rq.GrantTokens)
    key = any_form(kms, call, "GetPublicKey", rq.KeyId)
    access.require(kms, call, "GetPublicKey", key, partial(of_alias, rq.KeyId))
    if key.family is not Family.ASYMMETRIC:
        raise UnsupportedOperation(
            f"{key.arn} key spec is {key.spec} which is not valid for this operation."
        )
    states.require("GetPublicKey", key.state, key.arn)
    return GetPublicKeyResponse(
        KeyId=key.arn,
        PublicKey=kms.backing.public_key(key),
        CustomerMasterKeySpec=key.spec,
        KeySpec=key.spec,
        KeyUsage=key.usage.value,
        **metadata.algorithms(key),
    )
