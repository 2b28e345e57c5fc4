// Known answers for grant tokens, written from docs/formats/grant-tokens.md with Node's crypto.
import { createHash, createHmac } from "node:crypto";

const secret = (name) => createHash("sha256").update(name).digest();
const hmac = (key, ...parts) => {
  const mac = createHmac("sha256", key);
  parts.forEach((part) => mac.update(part));
  return mac.digest();
};
const bytes = (hex) => Buffer.from(hex, "hex");

function token(name, account) {
  const domain = secret(`domain of ${name}`);
  const id = secret(`grant of ${name}`);
  const random = secret(`random of ${name}`).subarray(0, 16);
  const key = hmac(domain, bytes("00000001"), "strongroom/v1/grant-token", bytes("00"), bytes("00000100"));
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(account));
  const signed = Buffer.concat([bytes("01"), number.subarray(3), id, random]);
  return {
    name,
    account,
    domain_secret: domain.toString("hex"),
    grant_id: id.toString("hex"),
    random: random.toString("hex"),
    token: Buffer.concat([signed, hmac(key, signed)]).toString("base64url"),
  };
}

const tokens = [
  token("an ordinary account", "111122223333"),
  token("the first account", "000000000000"),
  token("the last account", "999999999999"),
];
console.log(JSON.stringify({ tokens }, null, 2));
