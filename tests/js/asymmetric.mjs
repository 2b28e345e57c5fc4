// Signatures, encryption and agreement both ways between KMS and Node.js's own cryptography; prints what it saw as JSON.

import crypto from "node:crypto";
import {
  CreateKeyCommand, DecryptCommand, DeriveSharedSecretCommand, GetParametersForImportCommand,
  GetPublicKeyCommand, ImportKeyMaterialCommand, KMSClient, SignCommand, VerifyCommand,
} from "@aws-sdk/client-kms";

const kms = new KMSClient({ maxAttempts: 1 });
const SHA = { 256: "sha256", 384: "sha384", 512: "sha512" };
const SIGNING = [
  ...["RSA_2048", "RSA_3072", "RSA_4096"].flatMap((spec) => ["PKCS1_V1_5", "PSS"].flatMap((scheme) =>
    Object.keys(SHA).map((bits) => [spec, `RSASSA_${scheme}_SHA_${bits}`]))),
  ["ECC_NIST_P256", "ECDSA_SHA_256"], ["ECC_NIST_P384", "ECDSA_SHA_384"], ["ECC_NIST_P521", "ECDSA_SHA_512"],
  ["ECC_SECG_P256K1", "ECDSA_SHA_256"], ["ECC_NIST_EDWARDS25519", "ED25519_SHA_512"],
];
const CURVES = {
  ECC_NIST_P256: "prime256v1", ECC_NIST_P384: "secp384r1", ECC_NIST_P521: "secp521r1", ECC_SECG_P256K1: "secp256k1",
};
const SPKI = { format: "der", type: "spki" };
const PKCS8 = { format: "der", type: "pkcs8" };
const message = Buffer.from("attack at dawn");

/** What Node.js calls an algorithm of KMS: the hash, and what goes with the key. */
const named = (algorithm) => [
  algorithm.startsWith("ED25519") ? null : SHA[algorithm.slice(-3)],
  algorithm.includes("PSS")
    ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST }
    : {},
];
const pair = (spec) => {
  if (spec.startsWith("RSA")) return crypto.generateKeyPairSync("rsa", { modulusLength: Number(spec.slice(-4)) });
  if (spec === "ECC_NIST_EDWARDS25519") return crypto.generateKeyPairSync("ed25519");
  return crypto.generateKeyPairSync("ec", { namedCurve: CURVES[spec] });
};
const made = {};
/** A key of KMS's own, one for each spec and usage. */
const keyOf = async (KeySpec, KeyUsage) => {
  const name = `${KeySpec} ${KeyUsage}`;
  if (made[name] === undefined) {
    const { KeyMetadata: { KeyId } } = await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }));
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    made[name] = { KeyId, publicKey: crypto.createPublicKey({ key: Buffer.from(PublicKey), ...SPKI }) };
  }
  return made[name];
};
const brought = {};
/** A key whose material Node.js has made and wrapped. */
const imported = async (KeySpec) => {
  if (brought[KeySpec] === undefined) {
    const asked = { KeySpec, KeyUsage: "SIGN_VERIFY", Origin: "EXTERNAL" };
    const { KeyMetadata: { KeyId } } = await kms.send(new CreateKeyCommand(asked));
    const given = await kms.send(new GetParametersForImportCommand({
      KeyId, WrappingAlgorithm: "RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec: "RSA_2048",
    }));
    const { privateKey } = pair(KeySpec);
    const aes = crypto.randomBytes(32);
    const wrap = crypto.createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("A65959A6", "hex"));
    const key = crypto.createPublicKey({ key: Buffer.from(given.PublicKey), ...SPKI });
    await kms.send(new ImportKeyMaterialCommand({
      KeyId,
      ImportToken: given.ImportToken,
      EncryptedKeyMaterial: Buffer.concat([
        crypto.publicEncrypt({ key, oaepHash: "sha256" }, aes), wrap.update(privateKey.export(PKCS8)), wrap.final(),
      ]),
      ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }));
    brought[KeySpec] = { KeyId, privateKey };
  }
  return brought[KeySpec];
};

const signatures = {};
for (const [spec, SigningAlgorithm] of SIGNING) {
  const [hash, more] = named(SigningAlgorithm);
  const { KeyId, publicKey } = await keyOf(spec, "SIGN_VERIFY");
  const verified = async (Message, MessageType) => {
    const asked = { KeyId, Message, MessageType, SigningAlgorithm };
    const { Signature } = await kms.send(new SignCommand(asked));
    return crypto.verify(hash, message, { key: publicKey, ...more }, Signature);
  };
  const seen = { here: await verified(message, "RAW") };
  if (hash !== null) seen.digest = await verified(crypto.createHash(hash).update(message).digest(), "DIGEST");
  const own = await imported(spec);
  const Signature = crypto.sign(hash, message, { key: own.privateKey, ...more });
  const asked = { KeyId: own.KeyId, Message: message, SigningAlgorithm, Signature };
  seen.outside = (await kms.send(new VerifyCommand(asked))).SignatureValid;
  signatures[`${spec} ${SigningAlgorithm}`] = seen;
}

const sealed = {};
for (const spec of ["RSA_2048", "RSA_3072", "RSA_4096"]) {
  for (const [EncryptionAlgorithm, oaepHash] of [["RSAES_OAEP_SHA_1", "sha1"], ["RSAES_OAEP_SHA_256", "sha256"]]) {
    const { KeyId, publicKey } = await keyOf(spec, "ENCRYPT_DECRYPT");
    const CiphertextBlob = crypto.publicEncrypt({ key: publicKey, oaepHash }, message);
    const { Plaintext } = await kms.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm }));
    sealed[`${spec} ${EncryptionAlgorithm}`] = message.equals(Plaintext);
  }
}

const agreed = {};
for (const spec of ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"]) {
  const { KeyId, publicKey } = await keyOf(spec, "KEY_AGREEMENT");
  const own = pair(spec);
  const { SharedSecret } = await kms.send(new DeriveSharedSecretCommand({
    KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: own.publicKey.export(SPKI),
  }));
  agreed[spec] = crypto.diffieHellman({ privateKey: own.privateKey, publicKey }).equals(SharedSecret);
}

console.log(JSON.stringify({ signatures, sealed, agreed }));
