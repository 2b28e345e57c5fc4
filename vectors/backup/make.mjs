// Known answers for the format of backups, made by Node.js's crypto and zlib.
// Written from docs/formats/backup.md and docs/formats/keys-at-rest.md alone.
// Run: node vectors/backup/make.mjs > vectors/backup/vectors.json
// With a file and a root key in hex, prints what is in that backup instead.

import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { deflateSync, inflateSync } from "node:zlib";

const PIECE = 1 << 20;
const be32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const bytes = (seed, n) => {
  // Fixed, patternless bytes: SHA-256 in counter mode over a name.
  const blocks = [];
  for (let i = 0; 32 * i < n; i++)
    blocks.push(createHash("sha256").update(`${seed}/${i}`).digest());
  return Buffer.concat(blocks).subarray(0, n);
};
const kdf = (secret, label, context) =>
  createHmac("sha256", secret)
    .update(Buffer.concat([be32(1), Buffer.from(label), Buffer.from([0]), context, be32(256)]))
    .digest();
const nonce = (number, last) => {
  const b = Buffer.alloc(12);
  b.writeUInt32BE(number, 7);
  b[11] = last ? 1 : 0;
  return b;
};

const sealed = (secret, salt, belongs, text) => {
  const key = kdf(secret, "strongroom/v1/stream", salt);
  const count = Math.max(1, Math.ceil(text.length / PIECE));
  const pieces = [];
  for (let i = 0; i < count; i++) {
    const cipher = createCipheriv("aes-256-gcm", key, nonce(i, i === count - 1));
    cipher.setAAD(belongs);
    pieces.push(cipher.update(text.subarray(i * PIECE, (i + 1) * PIECE)), cipher.final(), cipher.getAuthTag());
  }
  return Buffer.concat(pieces);
};
const unsealed = (secret, salt, belongs, box) => {
  const key = kdf(secret, "strongroom/v1/stream", salt);
  const texts = [];
  for (let i = 0, at = 0; at < box.length || i === 0; i++, at += PIECE + 16) {
    const piece = box.subarray(at, at + PIECE + 16);
    const cipher = createDecipheriv("aes-256-gcm", key, nonce(i, at + PIECE + 16 >= box.length));
    cipher.setAAD(belongs);
    cipher.setAuthTag(piece.subarray(-16));
    texts.push(cipher.update(piece.subarray(0, -16)), cipher.final());
  }
  return Buffer.concat(texts);
};

// As much of MessagePack as a backup has.
const pack = (v) => {
  if (v === null) return Buffer.from([0xc0]);
  if (typeof v === "boolean") return Buffer.from([v ? 0xc3 : 0xc2]);
  if (Buffer.isBuffer(v)) return Buffer.concat([Buffer.from([0xc6]), be32(v.length), v]);
  if (Array.isArray(v)) return Buffer.concat([Buffer.from([0xdd]), be32(v.length), ...v.map(pack)]);
  if (typeof v === "string") { const b = Buffer.from(v); return Buffer.concat([Buffer.from([0xdb]), be32(b.length), b]); }
  if (Number.isInteger(v)) { const b = Buffer.alloc(9); b[0] = 0xd3; b.writeBigInt64BE(BigInt(v), 1); return b; }
  const b = Buffer.alloc(9); b[0] = 0xcb; b.writeDoubleBE(v, 1); return b;
};
const unpack = (b) => {
  let at = 0;
  const take = (n) => { at += n; return b.subarray(at - n, at); };
  const uint = (n) => Number(take(n).reduce((sum, each) => sum * 256n + BigInt(each), 0n));
  const array = (n) => Array.from({ length: n }, value);
  const value = () => {
    const t = uint(1);
    if (t < 0x80) return t;
    if (t >= 0xe0) return t - 0x100;
    if (t >= 0x90 && t < 0xa0) return array(t - 0x90);
    if (t >= 0xa0 && t < 0xc0) return take(t - 0xa0).toString();
    switch (t) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return { bytes: take(uint(1 << (t - 0xc4))).toString("hex") };
      case 0xcb: return take(8).readDoubleBE();
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return uint(1 << (t - 0xcc));
      case 0xd0: return take(1).readInt8();
      case 0xd1: return take(2).readInt16BE();
      case 0xd2: return take(4).readInt32BE();
      case 0xd3: return Number(take(8).readBigInt64BE());
      case 0xd9: case 0xda: case 0xdb: return take(uint(1 << (t - 0xd9))).toString();
      case 0xdc: case 0xdd: return array(uint(2 << (t - 0xdc)));
    }
    throw new Error(`type ${t}`);
  };
  return value();
};

if (process.argv.length > 2) {
  const [file, root] = process.argv.slice(2);
  const whole = readFileSync(file);
  const line = whole.subarray(0, whole.indexOf(10) + 1);
  const header = JSON.parse(line.toString());
  const secret = kdf(Buffer.from(root, "hex"), "strongroom/v1/backup", Buffer.alloc(0));
  const text = inflateSync(unsealed(secret, Buffer.from(header.salt, "hex"), line, whole.subarray(line.length)));
  const parts = [];
  for (let at = 0; at < text.length;) {
    const length = text.readUInt32BE(at);
    parts.push(unpack(text.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  console.log(JSON.stringify({ header, parts }));
} else {
  const streams = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 77].map((length) => {
    const [secret, salt] = [bytes(`${length}/secret`, 32), bytes(`${length}/salt`, 16)];
    const belongs = bytes(`${length}/belongs`, 40);
    const box = sealed(secret, salt, belongs, bytes(`${length}/text`, length));
    return {
      length, secret: secret.toString("hex"), salt: salt.toString("hex"), belongs: belongs.toString("hex"),
      sealed_bytes: box.length, sealed_sha256: createHash("sha256").update(box).digest("hex"),
    };
  });
  const root = bytes("backup/root", 32);
  const salt = bytes("backup/salt", 16);
  const header = {
    "strongroom-backup": 1, made: 1795000000.5, release: "0.1.0",
    "root-key": { kind: "file", path: "/etc/strongroom/root-key", fingerprint: kdf(root, "strongroom/v1/root-fingerprint", Buffer.alloc(0)).subarray(0, 16).toString("hex") },
    salt: salt.toString("hex"),
  };
  const parts = [
    ["began", "0006"],
    ["rows", "accounts", ["account", "name", "created", "mac"], [["000000000000", "first", 1795000000.25, bytes("mac", 32)]]],
    ["rows", "of every type", ["a", "b", "c", "d", "e", "f"], [["\u{1F511}", Buffer.from([0, 255]), -1, 1 / 3, null, true]]],
    ["log", "20261123T193605.123456Z-w0-4711.jsonl", Buffer.from("{}\n")],
    ["ended", 2, 3],
  ];
  const text = Buffer.concat(parts.flatMap((part) => { const b = pack(part); return [be32(b.length), b]; }));
  const line = Buffer.from(JSON.stringify(header) + "\n");
  const secret = kdf(root, "strongroom/v1/backup", Buffer.alloc(0));
  const backup = Buffer.concat([line, sealed(secret, salt, line, deflateSync(text))]);
  console.log(JSON.stringify({ streams, backup: { root: root.toString("hex"), file: backup.toString("base64") } }, null, 1));
}
