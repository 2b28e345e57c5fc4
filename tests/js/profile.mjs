// A key used in a role that the profile of the environment assumes: `node profile.mjs KEY CIPHERTEXT`.
// Prints what it saw as JSON.

import { DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const [KeyId, sealed] = process.argv.slice(2);
const { Arn: arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
const kms = new KMSClient({ maxAttempts: 1 });
const CiphertextBlob = Buffer.from(sealed, "base64");
const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob }));
const encrypting = kms.send(new EncryptCommand({ KeyId, Plaintext }));
const refused = await encrypting.then(() => null, (error) => error.name);
console.log(JSON.stringify({ arn, opened: new TextDecoder().decode(Plaintext), refused }));
