// Known answers for the ciphertext format and for sealed values, made by Node.js's crypto.
// Written from docs/formats/ciphertext.md and docs/formats/keys-at-rest.md alone.
// Run: node vectors/ciphertext/make.mjs > vectors/ciphertext/vectors.json

import { createCipheriv, createHmac, createHash } from "node:crypto";

const be32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const bytes = (seed, n) => {
  // Fixed, patternless bytes: SHA-256 in counter mode over a name.
  let out = Buffer.alloc(0);
  for (let i = 0; out.length < n; i++)
    out = Buffer.concat([out, createHash("sha256").update(`${seed}/${i}`).digest()]);
  return out.subarray(0, n);
};
const kdf = (secret, label, context) =>
  createHmac("sha256", secret)
    .update(Buffer.concat([be32(1), Buffer.from(label), Buffer.from([0]), context, be32(256)]))
    .digest();
const gcm = (key, nonce, plaintext, aad) => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
};
const encodedContext = (context) => {
  const pairs = Object.entries(context)
    .map(([k, v]) => [Buffer.from(k), Buffer.from(v)])
    .sort((a, b) => Buffer.compare(a[0], b[0]));
  const parts = [be32(pairs.length)];
  for (const [k, v] of pairs) parts.push(be32(k.length), k, be32(v.length), v);
  return Buffer.concat(parts);
};
const keyId = (id) =>
  id.startsWith("mrk-")
    ? Buffer.concat([Buffer.from([1]), Buffer.from(id.slice(4), "hex")])
    : Buffer.concat([Buffer.from([0]), Buffer.from(id.replaceAll("-", ""), "hex")]);

const ciphertexts = [
  ["one byte, no context", "1234abcd-12ab-34cd-56ef-1234567890ab", 1, {}],
  ["a data key, one pair", "1234abcd-12ab-34cd-56ef-1234567890ab", 32, { tenant: "blue" }],
  ["pairs sorted by bytes, not by UTF-16", "0f0e0d0c-0b0a-4908-8706-050403020100", 64,
    { "\u{1F511}": "key", "\uFF5E": "wave", b: "", A: "1", a: "2" }],
  ["a multi-Region key", "mrk-1234abcd12ab34cd56ef1234567890ab", 100, { a: "b" }],
  ["the longest plaintext", "1234abcd-12ab-34cd-56ef-1234567890ab", 4096, { purpose: "edge" }],
].map(([name, id, length, context]) => {
  const secret = bytes(`${name}/secret`, 32);
  const materialId = kdf(secret, "strongroom/v1/material-id", Buffer.from(id));
  const salt = bytes(`${name}/salt`, 16);
  const nonce = bytes(`${name}/nonce`, 12);
  const plaintext = bytes(`${name}/plaintext`, length);
  const header = Buffer.concat([Buffer.from([1, 1]), keyId(id), materialId, salt, nonce]);
  const aad = Buffer.concat([header, encodedContext(context)]);
  const body = gcm(kdf(secret, "strongroom/v1/message", salt), nonce, plaintext, aad);
  return {
    name, key_id: id, secret: secret.toString("hex"), material_id: materialId.toString("hex"),
    random: Buffer.concat([salt, nonce]).toString("hex"), context,
    plaintext: plaintext.toString("hex"),
    ciphertext: Buffer.concat([header, body]).toString("hex"),
  };
});

const named = (...parts) =>
  Buffer.concat(parts.flatMap((part) => [be32(Buffer.from(part).length), Buffer.from(part)]));
const sealed = [
  ["a domain key under the root", ["domain", "111122223333", "eu-central-1"]],
  ["material under its domain", ["111122223333", "eu-central-1", "material", "id/ff00"]],
  ["an empty Region", ["111122223333", "", "access-key", "AKIAEXAMPLE"]],
].map(([name, belongs]) => {
  const secret = bytes(`${name}/secret`, 32);
  const random = bytes(`${name}/random`, 28);
  const plaintext = bytes(`${name}/plaintext`, 32);
  const aad = Buffer.concat([Buffer.from([1]), named(...belongs)]);
  const key = kdf(secret, "strongroom/v1/seal", random.subarray(0, 16));
  return {
    name, secret: secret.toString("hex"), random: random.toString("hex"), belongs,
    plaintext: plaintext.toString("hex"),
    box: Buffer.concat([Buffer.from([1]), random, gcm(key, random.subarray(16), plaintext, aad)])
      .toString("hex"),
  };
});

// Row MACs and the keys a domain derives.
const domainSecret = bytes("domain", 32);
const cell = (value) => {
  if (value === null) return Buffer.from("n");
  if (typeof value === "string") return Buffer.from("s" + value);
  if (typeof value === "object" && "bytes" in value)
    return Buffer.concat([Buffer.from("b"), Buffer.from(value.bytes, "hex")]);
  if (typeof value === "object" && "double" in value) {
    const b = Buffer.alloc(9); b.write("f"); b.writeDoubleBE(value.double, 1); return b;
  }
  return Buffer.from("i" + Number(value));
};
const row = { account: "111122223333", created: { double: 1700000000.25 }, deletion_date: null,
  enabled: true, generation: 7, material: { bytes: "00ff10" } };
const mac = createHmac("sha256", kdf(domainSecret, "strongroom/v1/domain-mac", Buffer.alloc(0)))
  .update(named("keys", ...Object.keys(row).sort().flatMap((c) => [Buffer.from(c), cell(row[c])])))
  .digest("hex");

console.log(JSON.stringify({
  ciphertexts, sealed,
  row_mac: { domain_secret: domainSecret.toString("hex"), table: "keys", row, mac },
}, null, 1));
