"""AWS Security Token Service: who am I, and temporary credentials."""

from strongroom.services.call import Call
from strongroom.services.operation import Operation, Way
from strongroom.services.sts import questions, sessions, web_identity
from strongroom.wire.shapes.sts import GetCallerIdentityRequest, GetCallerIdentityResponse


def get_caller_identity(
    _world: None, call: Call, _rq: GetCallerIdentityRequest
) -> GetCallerIdentityResponse:
    """The caller, who needs no permission to ask."""
    return GetCallerIdentityResponse(
        UserId=call.who.user_id, Account=call.account, Arn=call.principal
    )


OPERATIONS = {
    "AssumeRole": Operation(sessions.assume_role, Way.READING, read_only=True, shows_answer=True),
    "AssumeRoleWithWebIdentity": Operation(
        web_identity.assume_role_with_web_identity,
        Way.READING,
        read_only=True,
        signed=False,
        shows_answer=True,
    ),
    "DecodeAuthorizationMessage": Operation(
        questions.decode_authorization_message, Way.READING, read_only=True
    ),
    "GetAccessKeyInfo": Operation(questions.get_access_key_info, Way.READING, read_only=True),
    "GetCallerIdentity": Operation(get_caller_identity, Way.MEMORY, read_only=True),
    "GetFederationToken": Operation(
        sessions.get_federation_token, Way.READING, read_only=True, shows_answer=True
    ),
    "GetSessionToken": Operation(
        sessions.get_session_token, Way.READING, read_only=True, shows_answer=True
    ),
}
