"""What STS is asked and answers from what it is shown: an access key id, an encoded denial.

Source: STS API Reference, GetAccessKeyInfo, DecodeAuthorizationMessage.
"""

from typing import NoReturn

from strongroom.errors import InvalidAuthorizationMessage, Validation
from strongroom.keys.session import account_of
from strongroom.services.call import Call
from strongroom.services.sts import access
from strongroom.services.sts.world import Sts
from strongroom.wire.shapes.sts import (
    DecodeAuthorizationMessageRequest,
    GetAccessKeyInfoRequest,
    GetAccessKeyInfoResponse,
)


def get_access_key_info(
    sts: Sts, call: Call, rq: GetAccessKeyInfoRequest
) -> GetAccessKeyInfoResponse:
    """Whose account an access key id is of; active or not, and whoever asks.

    Of temporary credentials nothing is kept, but their id says it.
    """
    access.require_own(call, "GetAccessKeyInfo", resource="*")
    key = sts.books.access_key(rq.AccessKeyId)
    account = account_of(rq.AccessKeyId) if key is None else key.account
    if account is None or not sts.books.account_known(account):
        raise Validation(f"The access key {rq.AccessKeyId} is not known")
    return GetAccessKeyInfoResponse(Account=account)


def decode_authorization_message(
    _sts: Sts, call: Call, _rq: DecodeAuthorizationMessageRequest
) -> NoReturn:
    """Refused: KMS, IAM and STS tell why they deny in plain words and encode nothing, on AWS as here,
    so whatever is shown was encoded by somebody else.
    """
    access.require_own(call, "DecodeAuthorizationMessage", resource="*")
    raise InvalidAuthorizationMessage("Message is not valid")
