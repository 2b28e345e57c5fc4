"""AWS's sentences of denial, by the layer that denied.

Only one layer is ever named.  Whoever asks for another account's resource is told nothing of it: one
sentence for what does not exist, what does not allow and what denies, unless it is the caller's
own side that does not allow.

Source: IAM User Guide, "Troubleshoot access denied error messages"; KMS sentences as observed.
"""

from strongroom.policy.layers import Layer, Question, Verdict

HIDDEN = (
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)
_ARTICLE = {Layer.IDENTITY: "an"}
_OWN_SIDE = (Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION, Layer.SCP)


def denial(
    question: Question,
    verdict: Verdict,
    layer: Layer | None,
    *,
    caller: str,
    on: str = "",
    trust: bool = False,
) -> str:
    """What the caller is told.

    `caller` is its ARN as it signed; `on` names the resource where its ARN must not be told, as in
    "the resource associated with this ciphertext"; `trust` says that the resource's policy is a
    role's.
    """
    action = question.action
    start = f"User: {caller} is not authorized to perform: {action}"
    layer = layer or Layer.IDENTITY
    if not question.same_account and layer not in _OWN_SIDE:
        return f"{start} on {on or 'this resource'} {HIDDEN}"
    where = f" on {on}" if on else f" on resource: {question.resource}"
    name = "role trust policy" if trust and layer is Layer.RESOURCE else layer.value
    if verdict is Verdict.EXPLICIT_DENY:
        article = "the" if name == "role trust policy" else _ARTICLE.get(layer, "a")
        return f"{start}{where} with an explicit deny in {article} {name}"
    return f"{start}{where} because no {name} allows the {action} action"
