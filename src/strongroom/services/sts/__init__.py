"""AWS Security Token Service: so far, who am I."""

from strongroom.services.call import Call
from strongroom.services.operation import Operation, Way
from strongroom.wire.shapes.sts import GetCallerIdentityRequest, GetCallerIdentityResponse


def get_caller_identity(
    _world: None, call: Call, _rq: GetCallerIdentityRequest
) -> GetCallerIdentityResponse:
    """The caller, who needs no permission to ask.  A root user's id is its account's."""
    return GetCallerIdentityResponse(
        UserId=call.who.user_id, Account=call.account, Arn=call.principal
    )


OPERATIONS = {"GetCallerIdentity": Operation(get_caller_identity, Way.MEMORY, read_only=True)}
