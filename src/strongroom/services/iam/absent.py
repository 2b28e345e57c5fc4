"""What IAM has and Strongroom has not, told as AWS tells it of who has none.

Terraform and others ask for these before they delete a user or a role.
"""

from strongroom.errors import NoSuchEntity
from strongroom.policy.entities import Role, User
from strongroom.services.call import Call
from strongroom.services.iam import access
from strongroom.services.iam.identifiers import existing, subject
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


def list_instance_profiles_for_role(
    iam: Iam, call: Call, rq: shapes.ListInstanceProfilesForRoleRequest
) -> shapes.ListInstanceProfilesForRoleResponse:
    existing(iam, call, "ListInstanceProfilesForRole", Role, rq.RoleName)
    return shapes.ListInstanceProfilesForRoleResponse(InstanceProfiles=[], IsTruncated=False)


def list_mfa_devices(
    iam: Iam, call: Call, rq: shapes.ListMFADevicesRequest
) -> shapes.ListMFADevicesResponse:
    subject(iam, call, "ListMFADevices", rq.UserName)
    return shapes.ListMFADevicesResponse(MFADevices=[], IsTruncated=False)


def list_virtual_mfa_devices(
    _iam: Iam, call: Call, _rq: shapes.ListVirtualMFADevicesRequest
) -> shapes.ListVirtualMFADevicesResponse:
    access.require(call, "ListVirtualMFADevices", "*")
    return shapes.ListVirtualMFADevicesResponse(VirtualMFADevices=[], IsTruncated=False)


def list_signing_certificates(
    iam: Iam, call: Call, rq: shapes.ListSigningCertificatesRequest
) -> shapes.ListSigningCertificatesResponse:
    subject(iam, call, "ListSigningCertificates", rq.UserName)
    return shapes.ListSigningCertificatesResponse(Certificates=[], IsTruncated=False)


def list_ssh_public_keys(
    iam: Iam, call: Call, rq: shapes.ListSSHPublicKeysRequest
) -> shapes.ListSSHPublicKeysResponse:
    subject(iam, call, "ListSSHPublicKeys", rq.UserName)
    return shapes.ListSSHPublicKeysResponse(SSHPublicKeys=[], IsTruncated=False)


def list_service_specific_credentials(
    iam: Iam, call: Call, rq: shapes.ListServiceSpecificCredentialsRequest
) -> shapes.ListServiceSpecificCredentialsResponse:
    subject(iam, call, "ListServiceSpecificCredentials", rq.UserName)
    return shapes.ListServiceSpecificCredentialsResponse(
        ServiceSpecificCredentials=[], IsTruncated=False
    )


def get_login_profile(
    iam: Iam, call: Call, rq: shapes.GetLoginProfileRequest
) -> shapes.GetLoginProfileResponse:
    """There is no console to log in to, so nobody has a password."""
    user: User | None = subject(iam, call, "GetLoginProfile", rq.UserName)
    name = "root" if user is None else user.name
    raise NoSuchEntity(f"Login Profile for User {name} cannot be found.")
