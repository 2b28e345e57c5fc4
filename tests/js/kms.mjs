// The AWS SDK for JavaScript against the endpoint of the environment; prints what it saw as JSON.

import {
  CreateAliasCommand, CreateKeyCommand, DecryptCommand, DescribeKeyCommand, DisableKeyCommand,
  EncryptCommand, GenerateDataKeyCommand, KMSClient, ListKeysCommand, ReEncryptCommand,
  RotateKeyOnDemandCommand, ScheduleKeyDeletionCommand, paginateListKeys,
} from "@aws-sdk/client-kms";

const kms = new KMSClient({ maxAttempts: 1 });
const seen = {};
const refusal = async (command) => {
  try {
    await kms.send(command);
    return null;
  } catch (error) {
    return { name: error.name, status: error.$metadata?.httpStatusCode, message: error.message };
  }
};

const { KeyMetadata: key } = await kms.send(new CreateKeyCommand({ Description: "from JavaScript" }));
seen.state = key.KeyState;
seen.isDate = key.CreationDate instanceof Date;
await kms.send(new CreateAliasCommand({ AliasName: "alias/js", TargetKeyId: key.KeyId }));

const EncryptionContext = { tenant: "blue" };
const Plaintext = new TextEncoder().encode("attack at dawn");
const sealed = await kms.send(new EncryptCommand({ KeyId: "alias/js", Plaintext, EncryptionContext }));
const { CiphertextBlob } = sealed;
seen.sealedUnder = sealed.KeyId === key.Arn;
const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
seen.opened = new TextDecoder().decode(opened.Plaintext);
seen.wrongContext = await refusal(new DecryptCommand({ CiphertextBlob }));

await kms.send(new RotateKeyOnDemandCommand({ KeyId: key.KeyId }));
const after = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
seen.openedAfterRotation = new TextDecoder().decode(after.Plaintext);
const again = await kms.send(new ReEncryptCommand({
  CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: "alias/js",
}));
seen.newMaterial = again.DestinationKeyMaterialId !== again.SourceKeyMaterialId;

const dataKey = await kms.send(new GenerateDataKeyCommand({ KeyId: key.Arn, KeySpec: "AES_256" }));
const same = await kms.send(new DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob }));
seen.dataKey = Buffer.compare(dataKey.Plaintext, same.Plaintext) === 0;

for (let n = 0; n < 4; n++) await kms.send(new CreateKeyCommand({}));
seen.keys = (await kms.send(new ListKeysCommand({}))).Keys.length;
seen.paged = 0;
for await (const page of paginateListKeys({ client: kms, pageSize: 2 }, {})) seen.paged += page.Keys.length;

await kms.send(new DisableKeyCommand({ KeyId: key.KeyId }));
seen.disabled = await refusal(new EncryptCommand({ KeyId: "alias/js", Plaintext }));
const scheduled = await kms.send(
  new ScheduleKeyDeletionCommand({ KeyId: key.KeyId, PendingWindowInDays: 7 }));
seen.deletionIsDate = scheduled.DeletionDate instanceof Date;
seen.unknown = await refusal(new DescribeKeyCommand({ KeyId: "alias/none" }));
seen.tooLong = await refusal(new EncryptCommand({ KeyId: "alias/js", Plaintext: new Uint8Array(4097) }));

console.log(JSON.stringify({ arn: key.Arn, seen }));
