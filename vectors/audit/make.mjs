// Write trail.jsonl, a whole trail file of two batches, with nothing but Node's crypto and
// docs/formats/audit.md.  Shares no code with Strongroom.
import { createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";

const key = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const record = (name, agent) =>
  JSON.stringify({ eventVersion: "1.11", eventName: name, userAgent: agent }) + "\n";
const opening =
  '{"opening":{"format":1,"chain":"0f8fad5b-d9cb-469f-a165-70867728950e","worker":3,"number":1,' +
  '"started":"2026-11-23T19:36:05Z","reason":"started","previous":null}}\n';

let value = Buffer.alloc(32);
let sequence = 0;
function sealed(batch, count, last) {
  value = createHash("sha256").update(value).update(batch).digest();
  sequence += 1;
  const said =
    `{"seal":{"sequence":${sequence},"count":${count},"value":"${value.toString("hex")}"` +
    (last ? ',"last":true' : "");
  const mac = createHmac("sha256", key).update("strongroom/audit/v1/seal\n").update(said).digest("hex");
  return `${batch}${said},"mac":"${mac}"}}\n`;
}

const text =
  sealed(opening, 0, false) +
  sealed(record("Encrypt", "a") + record("Decrypt", "\u0000\u001b[31m \ud83d\udd11"), 2, false) +
  sealed("", 0, true);
writeFileSync(new URL("20261123T193605.000000Z-w3-4242.jsonl", import.meta.url), text);
