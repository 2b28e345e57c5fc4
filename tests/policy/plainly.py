"""AWS's evaluation logic written plainly, over what an explanation saw: to hold the fast one against."""

from strongroom.policy.caller import Kind, Named
from strongroom.policy.kms import ACROSS_ACCOUNTS
from strongroom.policy.layers import Layer


def verdict(explanation, layers):
    question = explanation.question
    caller, action = question.caller, question.action.lower()
    seen = {}
    for each in explanation.layers:
        seen.setdefault(each.layer, []).append(each)

    def applying(each):
        return [weighed for weighed in each.statements if weighed.applies]

    def denied(each):
        return any(not weighed.statement.allow for weighed in applying(each))

    def allowed(layer):
        """Whether a layer that is there allows; None if it is not there."""
        if layer not in seen:
            return None
        return any(weighed.statement.allow for each in seen[layer] for weighed in applying(each))

    no_scp = caller.kind in (Kind.SERVICE, Kind.ANONYMOUS) or caller.service_linked
    no_rcp = caller.service_linked or layers.of_aws_managed_key or action == "kms:retiregrant"
    for layer, verdicts in seen.items():
        if (layer is Layer.SCP and no_scp) or (layer is Layer.RCP and no_rcp):
            continue
        if any(map(denied, verdicts)):
            return "ExplicitDeny"
    if not no_scp:
        for level in seen.get(Layer.SCP, []):
            if not any(weighed.statement.allow for weighed in applying(level)):
                return "ImplicitDeny"
    if allowed(Layer.ENDPOINT) is False:
        return "ImplicitDeny"

    of_kms = action.startswith("kms:")
    if of_kms and caller.kind is Kind.ANONYMOUS:
        return "ImplicitDeny"
    outside = not question.same_account
    if of_kms and outside and caller.kind is not Kind.SERVICE and action not in ACROSS_ACCOUNTS:
        return "ImplicitDeny"
    if action == "sts:assumerole" and caller.kind is Kind.ROOT:
        return "ImplicitDeny"

    ways = {
        weighed.named
        for each in seen.get(Layer.RESOURCE, [])
        for weighed in applying(each)
        if weighed.statement.allow
    }
    grants = {each.named for each in explanation.grants if each.applies}
    if caller.kind in (Kind.SERVICE, Kind.ANONYMOUS):
        return "Allow" if Named.ALONE in ways or grants else "ImplicitDeny"

    root = caller.kind is Kind.ROOT
    boundary = root or allowed(Layer.BOUNDARY) is not False
    session = allowed(Layer.SESSION) is not False
    if caller.kind is Kind.FEDERATED and Layer.SESSION not in seen:
        session = False
    limits = boundary and session
    own = limits and (root or bool(allowed(Layer.IDENTITY)))
    strict = (of_kms and question.is_of_key) or (
        not of_kms and layers.resource is not None and layers.resource.use.name == "TRUST"
    )
    yes = (
        Named.ALONE in grants
        or (Named.LIMITED in grants and limits)
        or (Named.ACCOUNT in grants and own)
    )
    if outside:
        yes = yes or (bool(ways) and own)
    else:
        yes = (
            yes
            or Named.ALONE in ways
            or (Named.LIMITED in ways and limits)
            or (own and (bool(ways) or not strict))
        )
    return "Allow" if yes else "ImplicitDeny"
