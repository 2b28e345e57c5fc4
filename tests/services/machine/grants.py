"""Grants to users of another account who have no policy: made, handed on, used, retired, revoked.

A grant is a member's own: it lets nobody use a replica of its key, and is gone with the key.
"""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule
from worlds import OTHERS

from machine.base import anything, keys, some_of
from machine.grant_model import OWNER, Constraint, Grant
from machine.kinds import RSA, SEAL
from machine.model import (
    BEHIND,
    GONE,
    INVALID,
    NO_GRANT,
    NO_GRANT_TOKEN,
    WRONG_USE,
    arn,
    id_of,
    region_of,
)
from machine.uses import MAKES, Made, Using, contexts, plaintexts, usable

others = st.sampled_from(OTHERS)
anybody = st.sampled_from([OWNER, *OTHERS])
constraints = st.none() | st.builds(
    lambda pairs, exact: Constraint(tuple(pairs.items()), exact) if exact or pairs else None,
    st.dictionaries(st.sampled_from(["k", "L"]), st.sampled_from(["", "v"]), max_size=2),
    st.booleans(),
)


class Granting(Using):
    grants = Bundle("grants")  # ids, of grants that are gone too

    def principal(self, who):
        return self.world.others.get(who, "arn:aws:iam::000000000000:root")

    @property
    def granted(self):
        return self.model.grants

    # Made

    @rule(
        target=grants,
        key=keys,
        grantee=others,
        retiring=st.none() | anybody,
        operations=anything,
        constraint=constraints,
        name=st.sampled_from([None, "n", "m"]),
        misfit=st.sampled_from([False, False, False, False, True]),
    )
    def grant(self, key, grantee, retiring, operations, constraint, name, misfit):
        key = self.aim(key, usable)
        member = self.model.members.get(key)
        choices = member.shared.kind.grantable if member else ["Encrypt"]
        chosen = some_of(choices, operations)
        if chosen == {"CreateGrant"}:
            chosen = frozenset(choices)
        if misfit and member:
            foreign = "Decrypt" if "Sign" in choices else "Sign"
            chosen |= {foreign}
        elif member and not member.shared.kind.symmetric:
            constraint = None if operations % 5 else constraint
        return self._grant(Grant(key, OWNER, grantee, retiring, chosen, constraint, name))

    @rule(
        target=grants,
        grant_id=grants,
        grantee=others,
        less=anything,
        more=st.none() | anything,
    )
    def hand_on(self, grant_id, grantee, less, more):
        """A grantee gives of what she has, and perhaps more, under any constraint of its pairs."""
        had = self.granted.ever[grant_id]
        member = self.model.members.get(had.key)
        choices = member.shared.kind.grantable if member else ["DescribeKey"]
        chosen = some_of(sorted(had.operations), less)
        if more is not None:
            chosen |= {choices[more % len(choices)]}
        if chosen == {"CreateGrant"}:
            chosen = had.operations
        child = replace(had, author=had.grantee, grantee=grantee, operations=chosen, name=None)
        pairs = () if had.constraint is None else had.constraint.pairs
        wanted = [None]
        if member is None or member.shared.kind.symmetric:
            wanted += [
                Constraint(pairs, exact=True),
                Constraint(pairs or (("k", "v"),), exact=False),
            ]
        made = [self._grant(replace(child, constraint=constraint)) for constraint in wanted]
        return multiple(*(grant_id for grant_id in made if isinstance(grant_id, str)))

    def _grant(self, grant):
        member = self.model.members.get(grant.key)
        if not self.granted.may_be_made(grant):
            expected = {BEHIND}
        else:
            expected = self.model.unusable(grant.key)
            if not expected and not self._suits(grant, member.shared.kind):
                expected = {INVALID}
        optional = {
            "RetiringPrincipal": grant.retiring and self.principal(grant.retiring),
            "Constraints": grant.constraint and grant.constraint.shown,
            "Name": grant.name,
        }
        answer = self.ask_of(
            grant.key,
            "CreateGrant",
            expected,
            grant.author,
            GranteePrincipal=self.principal(grant.grantee),
            Operations=sorted(grant.operations),
            **{member: value for member, value in optional.items() if value is not None},
        )
        if answer is None:
            return multiple()
        grant_id = self.granted.like(grant)
        if grant_id is None:
            assert answer["GrantId"] not in self.granted.ever
            self.granted.add(answer["GrantId"], grant, answer["GrantToken"])
            return answer["GrantId"]
        assert grant_id == answer["GrantId"]
        assert answer["GrantToken"] != self.granted.tokens[grant_id]
        return multiple()

    @staticmethod
    def _suits(grant, kind):
        constrained = grant.constraint is not None
        return grant.operations <= set(kind.grantable) and (kind.symmetric or not constrained)

    # Ended

    @rule(
        grant_id=grants,
        who=st.sampled_from(["retiring", "grantee", OWNER, *OTHERS]),
        how=st.sampled_from(["retired by token", "retired by id", "revoked", "made again"]),
    )
    def end(self, grant_id, who, how):
        grant = self.granted.ever[grant_id]
        who = {"retiring": grant.retiring or OWNER, "grantee": grant.grantee}.get(who, who)
        there = grant_id in self.granted.live
        absent = {NO_GRANT} if grant.key in self.model.members else {GONE}
        by_id = {"KeyId": grant.key, "GrantId": grant_id}
        may = () if grant.may_be_retired_by(who) else {BEHIND}
        match how:
            case "made again":
                self._grant(grant)
                return
            case "revoked":
                operation, named = "RevokeGrant", by_id
                expected = {BEHIND} if who != OWNER else () if there else absent
            case "retired by token":
                operation, named = "RetireGrant", {"GrantToken": self.granted.tokens[grant_id]}
                expected = may if there else {NO_GRANT_TOKEN}
            case _:
                operation, named = "RetireGrant", by_id
                expected = may if there else {BEHIND} if who != OWNER else absent
        if self.ask(operation, expected, region_of(grant.key), who, **named) is not None:
            del self.granted.live[grant_id]

    # Used

    @rule(
        grant_id=grants,
        who=st.sampled_from(["grantee", *OTHERS]),
        at=anything,
        message=plaintexts,
        context=contexts,
        as_constrained=st.booleans(),
        other=keys,
    )
    def use_grant(self, grant_id, who, at, message, context, as_constrained, other):
        """What a grant is for, or was, by somebody of another account; tokens change nothing.

        In every Region in which the key is: only one of them has the grant.
        """
        grant = self.granted.ever[grant_id]
        other = self.aim(other)
        who = grant.grantee if who == "grantee" else who
        if as_constrained and grant.constraint is not None:
            context = context | grant.constraint.compared
        for region in self.regions:
            key = arn(region, id_of(grant.key))
            if key == grant.key or key in self.model.members:
                tokens = [self.granted.tokens[grant_id]] if key == grant.key else []
                self._use_as(who, key, at, message, context, other, tokens)

    def _use_as(self, who, key, at, message, context, other, tokens):
        more = {"GrantTokens": tokens} if tokens else {}
        self.ask_of(key, "ListGrants", {BEHIND}, who)
        may = self.granted.let(who, "DescribeKey", key, {})
        self.ask_of(key, "DescribeKey", () if may else {BEHIND}, who, **more)
        member = self.model.members.get(key)
        if member is None:
            self.make(key, key, at, message, context, who, expected={BEHIND})
            return
        use = member.shared.kind.use
        making, opening = MAKES[use]
        given = context if use == SEAL else {}
        expected = self._refusals_as(who, making, key, given)
        self.make(key, key, at, message, context, who, expected=expected, **more)
        if member.shared.kind.public:
            expected = self._refusals_as(who, "GetPublicKey", key, {})
            self.ask_of(key, "GetPublicKey", expected, who, **more)
        if use == SEAL:
            expected = self._refusals_as(who, "GenerateDataKey", key, context)
            asked = {"NumberOfBytes": 8, "EncryptionContext": context}
            self.ask_of(key, "GenerateDataKey", expected, who, **asked)
        made = self.make(key, key, at, message, context)
        if isinstance(made, Made):
            expected = self._refusals_as(who, opening, key, given)
            form = {} if use == SEAL else {"KeyId": key}
            answer = self.ask(
                opening, expected, region_of(key), who, **form, **made.request, **more
            )
            assert answer is None or made.answer.items() <= answer.items()
            if use in (SEAL, RSA) and region_of(other) == region_of(key):
                self._re_encrypt_as(who, made, key, other, context)

    def _re_encrypt_as(self, who, made, key, other, context):
        to = self.model.members.get(other)
        kind = to and to.shared.kind
        asked = {"CiphertextBlob": made.request["CiphertextBlob"]}
        if made.kind.use == SEAL:
            asked["SourceEncryptionContext"] = context
        else:
            algorithm = made.request["EncryptionAlgorithm"]
            asked |= {"SourceKeyId": key, "SourceEncryptionAlgorithm": algorithm}
        to_context = {}
        if kind is not None and kind.use == RSA:
            asked["DestinationEncryptionAlgorithm"] = kind.algorithms[0]
        elif kind is None or kind.use == SEAL:
            asked["DestinationEncryptionContext"] = to_context = context
        source = {} if made.kind.use == RSA else context
        expected = {
            *self._refusals_as(who, "ReEncryptFrom", key, source),
            *self._refusals_as(who, "ReEncryptTo", other, to_context),
        }
        if not expected and kind.use not in (SEAL, RSA):
            expected = {WRONG_USE}
        self.ask("ReEncrypt", expected, region_of(key), who, DestinationKeyId=other, **asked)

    def _refusals_as(self, who, operation, key, context):
        """What a cryptographic operation is refused with; without permission nothing else is told."""
        if self.granted.let(who, operation, key, context):
            return self.model.unusable(key)
        return {BEHIND}

    # What is listed

    def look_around(self):
        super().look_around()
        root = self.principal(OWNER)
        for region in self.regions:
            asked = {"RetiringPrincipal": root}
            mine = self.whole("ListRetirableGrants", region, "Grants", **asked)
            wanted = [
                grant_id
                for grant_id, grant in self.granted.live.items()
                if grant.retiring == OWNER and region_of(grant.key) == region
            ]
            assert sorted(wanted) == [each["GrantId"] for each in mine]

    def look_closely(self, key):
        super().look_closely(key)
        if key not in self.model.members:
            self.ask_of(key, "ListGrants", {GONE})
            return
        listed = self.whole("ListGrants", region_of(key), "Grants", KeyId=id_of(key))
        assert sorted(self.granted.of(key)) == [each["GrantId"] for each in listed]
        for each in listed:
            grant = self.granted.live[each["GrantId"]]
            by = OWNER if each["IssuingAccount"] == self.principal(OWNER) else "another"
            assert (each["KeyId"], each["GranteePrincipal"], each["Name"], by) == (
                key,
                self.principal(grant.grantee),
                grant.name or "",
                OWNER if grant.author == OWNER else "another",
            )
            assert grant.operations == set(each["Operations"])
            retiring = grant.retiring and self.principal(grant.retiring)
            assert each.get("RetiringPrincipal") == retiring
            assert each.get("Constraints") == (grant.constraint and grant.constraint.shown)
