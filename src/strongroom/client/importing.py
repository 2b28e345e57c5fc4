"""Key material for a KMS key whose origin is EXTERNAL: read, wrapped and handed over.

    1. DescribeKey                   what the key is to be
    2. GetParametersForImport        a public key for this once, and a token that goes with it
    3. wrapped here                  RSAES_OAEP, or an AES key by OAEP and the material under that
    4. ImportKeyMaterial

Material that is a private key may be PEM or DER, in any form that OpenSSL reads, and is handed over
as PKCS#8; a symmetric or HMAC key is the bytes of its file.

Source: KMS Developer Guide, "Importing key material".
"""

import os
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from strongroom.client.faults import MaterialRefused, UnexpectedAnswer

_OAEP = "RSAES_OAEP_SHA_256"
_AES = "RSA_AES_KEY_WRAP_SHA_256"
WRAPPING_SPEC = "RSA_4096"
LONGEST = 16 * 1024  # bytes of a file of material


class Imported(NamedTuple):
    key: str  # ARN
    material_id: str  # nothing, but of a symmetric key
    algorithm: str


def import_material(kms: Any, key: str, material: bytes, options: Mapping[str, Any]) -> Imported:
    """Import `material`; `options` go to ImportKeyMaterial as they are.

    MaterialRefused if the key takes none, or not this.  What KMS refuses is botocore's ClientError.
    """
    about = kms.describe_key(KeyId=key)["KeyMetadata"]
    if about["Origin"] != "EXTERNAL":
        raise MaterialRefused(
            f"{about['Arn']} has material of its own (origin {about['Origin']}); make a key with "
            "`--origin EXTERNAL`"
        )
    spec = about["KeySpec"]
    algorithm = algorithm_of(spec)
    wanted = material if _is_bytes(spec) else pkcs8(material)
    given = kms.get_parameters_for_import(
        KeyId=about["KeyId"], WrappingAlgorithm=algorithm, WrappingKeySpec=WRAPPING_SPEC
    )
    answer = kms.import_key_material(
        KeyId=about["KeyId"],
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrapped(given["PublicKey"], algorithm, wanted),
        **options,
    )
    return Imported(about["Arn"], answer.get("KeyMaterialId", ""), algorithm)


def algorithm_of(spec: str) -> str:
    """The best wrapping that material of a spec may come in."""
    return _OAEP if _is_bytes(spec) else _AES


def pkcs8(material: bytes) -> bytes:
    """A private key as PKCS#8 DER; MaterialRefused if there is none in it."""
    load = (
        serialization.load_pem_private_key
        if material.lstrip().startswith(b"-----")
        else serialization.load_der_private_key
    )
    try:
        key = load(material, None)
    except TypeError:
        raise MaterialRefused(
            "the private key is under a passphrase; take that off first"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise MaterialRefused("the file is no private key, neither PEM nor DER") from None
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def wrapped(public_key: bytes, algorithm: str, material: bytes) -> bytes:
    """The material as only the holder of the private wrapping key can read it."""
    try:
        public = serialization.load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, rsa.RSAPublicKey):
        raise UnexpectedAnswer("KMS did not answer with an RSA key to wrap under")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    if algorithm == _OAEP:
        return public.encrypt(material, oaep)
    aes = os.urandom(32)
    return public.encrypt(aes, oaep) + aes_key_wrap_with_padding(aes, material)


def commands(kms: Any, key: str, file: str, options: str, settings: str) -> str:
    """The same by the AWS CLI and the openssl command, for a shell.

    `options` are those of import-key-material, `settings` those of every `aws`.
    """
    spec = kms.describe_key(KeyId=key)["KeyMetadata"]["KeySpec"]
    aws = f"aws --region {kms.meta.region_name}{settings} kms"
    algorithm = algorithm_of(spec)
    key, file = shlex.quote(key), shlex.quote(file)
    ask = (
        f"{aws} get-parameters-for-import --key-id {key} --wrapping-algorithm {algorithm} "
        f"--wrapping-key-spec {WRAPPING_SPEC} --output text --query '[PublicKey,ImportToken]' > given\n"
        "cut -f 1 given | base64 -d > public.der\n"
        "cut -f 2 given | base64 -d > token\n"
    )
    oaep = (
        "-encrypt -inkey public.der -keyform DER -pubin -pkeyopt rsa_padding_mode:oaep "
        "-pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"
    )
    if algorithm == _OAEP:
        wrap = f"openssl pkeyutl {oaep} -in {file} -out wrapped\n"
    else:
        wrap = (
            f"openssl pkcs8 -topk8 -nocrypt -in {file} -outform DER -out material.der\n"
            "openssl rand 32 > aes.key\n"
            "openssl enc -id-aes256-wrap-pad -e -iv A65959A6 "
            "-K $(od -An -v -tx1 aes.key | tr -d ' \\n') "
            "-in material.der -out material.wrapped\n"
            f"openssl pkeyutl {oaep} -in aes.key -out aes.wrapped\n"
            "cat aes.wrapped material.wrapped > wrapped\n"
        )
    bring = (
        f"{aws} import-key-material --key-id {key} --import-token fileb://token "
        f"--encrypted-key-material fileb://wrapped {options}\n"
    )
    return ask + wrap + bring


def _is_bytes(spec: str) -> bool:
    return spec == "SYMMETRIC_DEFAULT" or spec.startswith("HMAC_")
