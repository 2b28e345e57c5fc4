"""An organization on a server, with its clients: what the tests of organizations begin with."""

import json
import secrets

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
FULL = "p-FullAWSAccess"
FULL_RCP = "p-RCPFullAWSAccess"


def digits():
    return f"{secrets.randbelow(9 * 10**11) + 10**11}"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action="*", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return allow(action, resource, **more) | {"Effect": "Deny"}


def deny_all(action, **more):
    """As a resource control policy says it."""
    return deny(action, Principal="*", **more)


class Clients:
    """boto3 clients, closed together."""

    def __init__(self, endpoint, region):
        self.endpoint, self.region = endpoint, region
        self._made = []

    def of(self, service, account):
        """A client of an account's root user, on a connection of its own."""
        return self.by(service, {"AccessKeyId": account, "SecretAccessKey": "test"})

    def by(self, service, credentials):
        made = self.endpoint.client_of(credentials, service, self.region)
        self._made.append(made)
        return made

    def close(self):
        for client in self._made:
            client.close()


class Tree:
    """An organization with both types of policies enabled, and the account that manages it."""

    def __init__(self, clients, enabled=(SCP, RCP)):
        self.clients = clients
        self.manager = digits()
        self.ask = clients.of("organizations", self.manager)
        self.id = self.ask.create_organization()["Organization"]["Id"]
        (root,) = self.ask.list_roots()["Roots"]
        self.root = root["Id"]
        for kind in enabled:
            self.ask.enable_policy_type(RootId=self.root, PolicyType=kind)

    def arn(self, kind, *parts):
        within = "/".join((kind, self.id, *parts))
        return f"arn:aws:organizations::{self.manager}:{within}"

    def unit(self, name, parent=None):
        made = self.ask.create_organizational_unit(ParentId=parent or self.root, Name=name)
        return made["OrganizationalUnit"]["Id"]

    def join(self, account=None, unit=None):
        """An account that was invited and has accepted, and was moved into a unit."""
        account = account or digits()
        invited = self.ask.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})
        theirs = self.clients.of("organizations", account)
        theirs.accept_handshake(HandshakeId=invited["Handshake"]["Id"])
        if unit is not None:
            self.move(account, unit, self.root)
        return account

    def move(self, account, to, source):
        self.ask.move_account(AccountId=account, SourceParentId=source, DestinationParentId=to)

    def policy(self, *statements, kind=SCP, name=None):
        made = self.ask.create_policy(
            Content=document(*statements),
            Description="",
            Name=name or f"p{secrets.token_hex(6)}",
            Type=kind,
        )
        return made["Policy"]["PolicySummary"]["Id"]

    def attach(self, policy, target):
        self.ask.attach_policy(PolicyId=policy, TargetId=target)

    def detach(self, policy, target):
        self.ask.detach_policy(PolicyId=policy, TargetId=target)
