// The AWS Encryption SDK for JavaScript with its KMS keyrings, at the endpoint of the environment.
// `messages.mjs JSON`, of { here, there, nowhere, account, keys, theirs }: three Regions; an account;
// the ARNs of keys, by name; messages that others sealed, by name, in base64.  Prints as JSON the
// messages that it sealed and what it saw; of what it opened, the text and the key that opened it.

import { createRequire } from "node:module";
import { DisableKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";

const require = createRequire(import.meta.url);
const {
  AlgorithmSuiteIdentifier, AwsKmsMrkAwareSymmetricDiscoveryKeyringNode,
  AwsKmsMrkAwareSymmetricKeyringNode, buildAwsKmsMrkAwareDiscoveryMultiKeyringNode,
  buildAwsKmsMrkAwareStrictMultiKeyringNode, buildClient, CommitmentPolicy, KMS, KmsKeyringNode,
} = require("@aws-crypto/client-node");

const { here, there, nowhere, account, keys, theirs } = JSON.parse(process.argv[2]);
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const encryptionContext = { tenant: "blue" };
const opened = async (keyring, message) => {
  try {
    const { plaintext, messageHeader } = await decrypt(keyring, message, { maxEncryptedDataKeys: 3 });
    const of = messageHeader.encryptionContext.tenant;
    return { text: plaintext.toString(), of, suite: messageHeader.suiteId };
  } catch (error) {
    return { refused: error.message };
  }
};
const sealed = {};
const seal = async (name, keyring, options = {}) => {
  const { result } = await encrypt(keyring, `from JavaScript: ${name}`, { encryptionContext, ...options });
  sealed[name] = result;
};
const seen = {};

// Keyrings of single keys, by ARN and by alias.  Their clients are the SDK's own.
const strict = (generatorKeyId, ...keyIds) => new KmsKeyringNode({ generatorKeyId, keyIds });
const discovery = (accountIDs, partition = "aws") =>
  new KmsKeyringNode({ discovery: true, discoveryFilter: { accountIDs, partition } });
await seal("plain", strict(keys.plain));
await seal("unsigned", strict(keys.plain), {
  suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
});
await seal("alias", strict(keys.alias));
await seal("both", strict(keys.plain, keys.second));
seen.plain = await opened(strict(keys.plain), sealed.plain);
seen.unsigned = await opened(strict(keys.plain), sealed.unsigned);
seen.alias = await opened(strict(keys.plain), sealed.alias);
seen.second = await opened(strict(keys.second), sealed.both);
seen.notMine = await opened(strict(keys.second), sealed.plain);
seen.discovered = await opened(discovery([account]), sealed.both);
seen.otherAccount = await opened(discovery(["999999999999"]), sealed.both);
seen.otherPartition = await opened(discovery([account], "aws-cn"), sealed.both);

// The context that the header says is the one that KMS is asked for.
const altered = (message, from, to) => {
  const at = message.indexOf(from);
  return Buffer.concat([message.subarray(0, at), Buffer.from(to), message.subarray(at + from.length)]);
};
seen.otherContext = await opened(strict(keys.plain), altered(sealed.unsigned, "blue", "grey"));
const end = Buffer.from(sealed.unsigned);
end[end.length - 1] ^= 1;
seen.otherBody = await opened(strict(keys.plain), end);

const kms = (region) => new KMSClient({ region, maxAttempts: 1 });
const without = async (region, KeyId, act) => {
  await kms(region).send(new DisableKeyCommand({ KeyId }));
  try {
    return await act();
  } finally {
    await kms(region).send(new EnableKeyCommand({ KeyId }));
  }
};
await without(here, keys.plain, async () => {
  seen.disabled = await opened(strict(keys.plain), sealed.plain);
  seen.theSecondHelps = await opened(strict(keys.plain, keys.second), sealed.both);
  try {
    await seal("never", strict(keys.plain));
  } catch (error) {
    seen.disabledToSeal = { refused: `${error.name}: ${error.message}` };
  }
});

// Multi-Region keys: what one sealed, its replica opens, and nobody else.
const one = (region, keyId) =>
  new AwsKmsMrkAwareSymmetricKeyringNode({ client: new KMS({ region }), keyId });
const found = (region, accountIDs = [account]) => new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({
  client: new KMS({ region }), discoveryFilter: { accountIDs, partition: "aws" },
});
await seal("primary", one(here, keys.primary));
await seal("replica", one(there, keys.replica));
await seal("here", one(here, keys.plain));
seen.byReplica = await opened(one(there, keys.replica), sealed.primary);
seen.byPrimary = await opened(one(here, keys.primary), sealed.replica);
seen.unaware = await opened(strict(keys.replica), sealed.primary);
seen.unrelated = await opened(one(there, keys.unrelated), sealed.primary);
seen.noReplica = await opened(one(nowhere, keys.primary.replace(here, nowhere)), sealed.primary);
seen.otherRegion = await opened(one(there, keys.primary), sealed.primary);
seen.foundThere = await opened(found(there), sealed.primary);
seen.foundNowhere = await opened(found(nowhere), sealed.primary);
seen.foundOtherAccount = await opened(found(there, ["999999999999"]), sealed.primary);
seen.foundSingleRegion = await opened(found(there), sealed.here);
seen.foundAtHome = await opened(found(here), sealed.here);
await without(there, keys.replica, async () => {
  seen.replicaDisabled = await opened(one(there, keys.replica), sealed.primary);
  seen.primaryIsNot = await opened(one(here, keys.primary), sealed.primary);
});
const several = buildAwsKmsMrkAwareStrictMultiKeyringNode({
  generatorKeyId: keys.primary, keyIds: [keys.unrelated],
});
await seal("several", several);
seen.severalByReplica = await opened(one(there, keys.replica), sealed.several);
seen.severalByUnrelated = await opened(one(there, keys.unrelated), sealed.several);
const everywhere = (...regions) => buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({
  regions, discoveryFilter: { accountIDs: [account], partition: "aws" },
});
seen.foundInTheSecond = await opened(everywhere(nowhere, there), sealed.primary);
seen.foundInNone = await opened(everywhere(nowhere), sealed.primary);

seen.theirs = {};
for (const [name, message] of Object.entries(theirs)) {
  const keyring = name === "primary" ? one(there, keys.replica) : strict(keys.plain);
  seen.theirs[name] = await opened(keyring, Buffer.from(message, "base64"));
}

const messages = Object.entries(sealed).map(([name, message]) => [name, message.toString("base64")]);
console.log(JSON.stringify({ seen, sealed: Object.fromEntries(messages) }));
