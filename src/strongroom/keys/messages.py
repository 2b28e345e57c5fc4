"""What Sign and Verify are given: a message, its digest, or ML-DSA's mu (EXTERNAL_MU).

    RSASSA_*, ECDSA_*      RAW, or DIGEST of the length of the algorithm's hash
    ED25519_SHA_512        RAW
    ED25519_PH_SHA_512     DIGEST of 64 bytes, which is hashed once more
    ML_DSA_SHAKE_256       RAW, or EXTERNAL_MU of 64 bytes

Source: KMS API Reference, "Sign", MessageType.
"""

from strongroom.errors import Validation

RAW = "RAW"
_MU_BYTES = 64
_DIGEST_BYTES = {"256": 32, "384": 48, "512": 64}  # by the end of the algorithm's name
_ONLY = {"ED25519_SHA_512": RAW, "ED25519_PH_SHA_512": "DIGEST"}


def hashed(algorithm: str, message_type: str, message: bytes) -> bool:
    """Whether the message is hashed already; Validation if the algorithm does not take it so."""
    of_ml_dsa = algorithm.startswith("ML_DSA")
    refused = "DIGEST" if of_ml_dsa else "EXTERNAL_MU"
    if message_type == refused or _ONLY.get(algorithm, message_type) != message_type:
        raise Validation(
            f"MessageType {message_type} is not compatible with algorithm {algorithm}."
        )
    if message_type == RAW:
        return False
    wanted = _MU_BYTES if of_ml_dsa else _DIGEST_BYTES[algorithm[-3:]]
    if len(message) != wanted:
        raise Validation(f"Digest is invalid length for algorithm {algorithm}.")
    return True
