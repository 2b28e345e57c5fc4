// AWS's Encryption SDK for JavaScript as a filter: `message.mjs encrypt|decrypt OPTIONS`, where
// OPTIONS is JSON with `endpoint` and, to encrypt, `keys`, `suite`, `frameLength` and `context`.
import { createRequire } from 'node:module'
import { buffer } from 'node:stream/consumers'

const require = createRequire(new URL('../../js/package.json', import.meta.url))
const {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  KMS,
  KmsKeyringNode,
} = require('@aws-crypto/client-node')

const [, , verb, json] = process.argv
const { endpoint, keys = [], suite, frameLength, context = {} } = JSON.parse(json)
const clientProvider = (region) =>
  new KMS({ endpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const input = await buffer(process.stdin)

if (verb === 'encrypt') {
  const [generatorKeyId, ...keyIds] = keys
  const keyring = new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds })
  const { result } = await encrypt(keyring, input, {
    encryptionContext: context,
    ...(suite && { suiteId: suite }),
    ...(frameLength && { frameLength }),
  })
  process.stdout.write(result)
} else {
  const keyring = new KmsKeyringNode({ clientProvider, discovery: true })
  const { plaintext, messageHeader } = await decrypt(keyring, input)
  for (const [key, value] of Object.entries(context)) {
    if (messageHeader.encryptionContext[key] !== value) throw new Error(`context: ${key}`)
  }
  process.stdout.write(plaintext)
}
