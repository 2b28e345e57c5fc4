// IAM and STS of the AWS SDK for JavaScript: a user, and a role that she assumes to use a key.
// Prints what it saw as JSON, and what `profile.mjs` needs.

import { DecryptCommand, EncryptCommand, KMSClient, CreateKeyCommand } from "@aws-sdk/client-kms";
import {
  AttachUserPolicyCommand, CreateAccessKeyCommand, CreatePolicyCommand, CreateRoleCommand,
  CreateUserCommand, DeleteUserCommand, GetUserCommand, IAMClient, ListUsersCommand,
  PutRolePolicyCommand, paginateListUsers, waitUntilUserExists,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const once = { maxAttempts: 1 };
const iam = new IAMClient(once);
const seen = {};
const refusal = async (client, command) => {
  try {
    await client.send(command);
    return null;
  } catch (error) {
    return { name: error.name, status: error.$metadata?.httpStatusCode, message: error.message };
  }
};
const document = (...Statement) => JSON.stringify({ Version: "2012-10-17", Statement });

const { User: user } = await iam.send(new CreateUserCommand({
  UserName: "alice", Path: "/team/", Tags: [{ Key: "team", Value: "blue" }],
}));
seen.isDate = user.CreateDate instanceof Date;
seen.tags = user.Tags;
await waitUntilUserExists({ client: iam, maxWaitTime: 10 }, { UserName: "alice" });
const { User: shown } = await iam.send(new GetUserCommand({ UserName: "alice" }));
seen.sameUser = shown.UserId === user.UserId;
seen.missing = await refusal(iam, new GetUserCommand({ UserName: "nobody" }));
seen.twice = await refusal(iam, new CreateUserCommand({ UserName: "alice" }));
for (const UserName of ["b", "c", "d"]) await iam.send(new CreateUserCommand({ UserName }));
seen.users = (await iam.send(new ListUsersCommand({}))).Users.length;
seen.pages = [];
for await (const page of paginateListUsers({ client: iam, pageSize: 3 }, {})) {
  seen.pages.push(page.Users.length);
}

const assume = { Effect: "Allow", Action: "sts:AssumeRole" };
const { Role: role } = await iam.send(new CreateRoleCommand({
  RoleName: "reader",
  AssumeRolePolicyDocument: document({ ...assume, Principal: { AWS: user.Arn } }),
}));
seen.trust = JSON.parse(decodeURIComponent(role.AssumeRolePolicyDocument)).Statement[0].Principal;
await iam.send(new PutRolePolicyCommand({
  RoleName: "reader", PolicyName: "own",
  PolicyDocument: document({ Effect: "Allow", Action: "kms:Decrypt", Resource: "*" }),
}));
const { Policy: policy } = await iam.send(new CreatePolicyCommand({
  PolicyName: "assume", PolicyDocument: document({ ...assume, Resource: role.Arn }),
}));
await iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: policy.Arn }));
const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand({ UserName: "alice" }));

const kms = new KMSClient(once);
const { KeyMetadata: { KeyId } } = await kms.send(new CreateKeyCommand({}));
const Plaintext = new TextEncoder().encode("attack at dawn");
const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext }));

const alice = { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey };
const sts = new STSClient({ ...once, credentials: alice });
seen.alice = (await sts.send(new GetCallerIdentityCommand({}))).Arn === user.Arn;
seen.aliceMayNot = await refusal(
  new KMSClient({ ...once, credentials: alice }), new DecryptCommand({ CiphertextBlob }));
const { Credentials: session } = await sts.send(new AssumeRoleCommand({
  RoleArn: role.Arn, RoleSessionName: "js", DurationSeconds: 900,
}));
seen.expires = session.Expiration instanceof Date;
const reader = new KMSClient({ ...once, credentials: {
  accessKeyId: session.AccessKeyId, secretAccessKey: session.SecretAccessKey,
  sessionToken: session.SessionToken,
} });
const opened = await reader.send(new DecryptCommand({ CiphertextBlob }));
seen.opened = new TextDecoder().decode(opened.Plaintext);
seen.readerMayNot = await refusal(reader, new EncryptCommand({ KeyId, Plaintext }));
seen.tooLong = await refusal(sts, new AssumeRoleCommand({
  RoleArn: role.Arn, RoleSessionName: "js", DurationSeconds: 7200,
}));

seen.stillHasKeys = await refusal(iam, new DeleteUserCommand({ UserName: "alice" }));

const sealed = Buffer.from(CiphertextBlob).toString("base64");
console.log(JSON.stringify({ seen, alice, role: role.Arn, key: KeyId, sealed }));
