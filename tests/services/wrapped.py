"""Key material wrapped for import, by `cryptography` and by the `openssl` command."""

import os
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

LASTS = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def wrap(algorithm, public_key, material):
    """As a caller would, with the public key that KMS gave."""
    public = serialization.load_der_public_key(public_key)
    hash_ = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(hash_), hash_, None)
    if algorithm.startswith("RSAES_OAEP"):
        return public.encrypt(material, oaep)
    aes = os.urandom(32)
    return public.encrypt(aes, oaep) + aes_key_wrap_with_padding(aes, material)


def wrap_by_openssl(folder, public_key, material, hash_="sha256"):
    """RSAES_OAEP, by the command that AWS's guide shows."""
    (folder / "public.der").write_bytes(public_key)
    (folder / "material").write_bytes(material)
    subprocess.run(
        [
            *("openssl", "pkeyutl", "-encrypt", "-in", folder / "material"),
            *("-out", folder / "wrapped", "-inkey", folder / "public.der", "-keyform", "DER"),
            *("-pubin", "-pkeyopt", "rsa_padding_mode:oaep"),
            *("-pkeyopt", f"rsa_oaep_md:{hash_}", "-pkeyopt", f"rsa_mgf1_md:{hash_}"),
        ],
        check=True,
    )
    return (folder / "wrapped").read_bytes()


def parameters(kms, key_id, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return kms.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=spec
    )


def bring(kms, key_id, material, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048", **more):
    """Import a key's material, which does not expire unless it is said."""
    given = parameters(kms, key_id, algorithm, spec)
    if "ValidTo" not in more:
        more = {**LASTS, **more}
    return kms.import_key_material(
        KeyId=key_id,
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrap(algorithm, given["PublicKey"], material),
        **more,
    )
