// Sign requests.json with nothing but Node's crypto and the text of the specification, and write
// node.json: name -> Authorization.  Shares no code with botocore or with Strongroom.
import { createHash, createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const given = JSON.parse(readFileSync(new URL("requests.json", here), "utf8"));
const hash = (data) => createHash("sha256").update(data).digest("hex");
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

function path(raw) {
  const kept = [];
  for (const segment of raw.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(encode(segment));
  }
  return "/" + kept.join("/") + (kept.length && raw.endsWith("/") ? "/" : "");
}

function query(raw) {
  if (!raw) return "";
  const pairs = raw.split("&").map((pair) => {
    const [name, value = ""] = pair.split("=");
    return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))];
  });
  pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0));
  return pairs.map((pair) => pair.join("=")).join("&");
}

const signed = {};
for (const one of given.cases) {
  const [rawPath, rawQuery] = one.target.split("?");
  const headers = Object.entries({ ...one.headers, "X-Amz-Date": given.date })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/\s+/g, " ")])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const names = headers.map(([name]) => name).join(";");
  const request = [
    one.method,
    path(rawPath),
    query(rawQuery),
    headers.map(([name, value]) => `${name}:${value}\n`).join(""),
    names,
    hash(one.body),
  ].join("\n");
  const day = given.date.slice(0, 8);
  const scope = `${day}/${one.region}/${one.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", given.date, scope, hash(request)].join("\n");
  const key = scope.split("/").reduce(hmac, "AWS4" + given.secret);
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  signed[one.name] =
    `AWS4-HMAC-SHA256 Credential=${given.key_id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
}
writeFileSync(new URL("node.json", here), JSON.stringify(signed, null, 2) + "\n");
