import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { HubError } from '../base/errors.ts'
import { type Algorithm, algorithmsOf, describeKey, isSecretAlgorithm, publicKeyAlgorithms } from './algorithms.ts'
import { isTrustworthyUrl } from './fetch-key-set.ts'
import { readKeySet } from './key-set.ts'
import { allKeys, fixedKeys, type KeySource, type VerificationKey } from './key-source.ts'
import { RemoteKeySet, type RemoteKeySetOptions } from './remote-key-set.ts'

/** The keys of one role, as the operator configured them. */
export interface ConfiguredKeys {
  /** Their name in messages: `publisher`, `issuers[1].subscriber`. */
  readonly name: string
  /**
   * Each is the URL of a JWK Set, `file:` and a path, a PEM public key, a JWK Set, or a shared
   * secret.
   */
  readonly keys: readonly string[]
  /** The allowed algorithms; `undefined` for all public-key algorithms. */
  readonly algorithms: readonly Algorithm[] | undefined
}

/** Secrets that are well known from tutorials. */
const publicSecrets = ['!ChangeThisMercureHubJWTSecretKey!', '!ChangeMe!']

/**
 * Creates the key source that the operator configured. Reports errors now, not when the first token
 * arrives.
 *
 * @throws HubError `INVALID_OPTION` that names the key, and never shows it.
 */
export async function loadKeys(configured: ConfiguredKeys, options: RemoteKeySetOptions): Promise<KeySource> {
  const { name, keys, algorithms } = configured
  const allowed = new Set<Algorithm>(algorithms ?? publicKeyAlgorithms)
  const used = new Set<Algorithm>()
  const load = async (text: string, keyName: string): Promise<KeySource> => {
    const key = await readKeyText(text, keyName)
    if (key.name === 'url') {
      for (const algorithm of allowed) if (!isSecretAlgorithm(algorithm)) used.add(algorithm)
      if ([...allowed].every(isSecretAlgorithm)) refuseSecretAlgorithm(keyName, 'a JWK Set', allowed)
      return new RemoteKeySet(key.url, allowed, options)
    }
    const verificationKeys = fixedKeysOf(key, keyName, allowed, options.onWarning)
    for (const { algorithms } of verificationKeys) for (const algorithm of algorithms) used.add(algorithm)
    return fixedKeys(verificationKeys)
  }
  const sources = await Promise.all(
    keys.map((text, index) => load(text, keys.length === 1 ? `${name}.key` : `${name}.key[${index}]`)),
  )
  const unused = (algorithms ?? []).find((algorithm) => !used.has(algorithm))
  if (unused !== undefined) {
    throw new HubError('INVALID_OPTION', `${name}.algorithms: no key of ${name}.key is for ${unused}. Remove it.`)
  }
  return allKeys(sources)
}

type KeyText =
  | { readonly name: 'url'; readonly url: URL }
  | { readonly name: 'pem'; readonly pem: string }
  | { readonly name: 'set'; readonly json: unknown }
  | { readonly name: 'secret'; readonly secret: string }

async function readKeyText(text: string, name: string): Promise<KeyText> {
  if (/^https?:/i.test(text)) return { name: 'url', url: parseKeySetUrl(text, name) }
  return classify(await readTextOfKey(text, name), name)
}

/**
 * Returns a key as given, or the content of the file named by `file:PATH`. Throws `INVALID_OPTION`
 * that names the key.
 */
export async function readTextOfKey(text: string, name: string): Promise<string> {
  if (!text.startsWith('file:')) return text
  const path = text.slice('file:'.length)
  try {
    // Editors end a file with a line break that is not part of the secret.
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new HubError('INVALID_OPTION', `${name}: the file ${path} cannot be read (${code ?? message}).`, {
      cause: error,
    })
  }
}

function parseKeySetUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new HubError('INVALID_OPTION', `${name}: the URL of the JWK Set cannot be parsed.`)
  if (url.username !== '' || url.password !== '') {
    throw new HubError(
      'INVALID_OPTION',
      `${name}: the URL of a JWK Set must not contain a user and password, because the hub logs it.`,
    )
  }
  if (!isTrustworthyUrl(url)) {
    throw new HubError(
      'INVALID_OPTION',
      `${name}: ${url.href} is not encrypted, so anyone on the way could insert their own keys. Use https (http only for localhost).`,
    )
  }
  return url
}

function classify(text: string, name: string): KeyText {
  // Environment variables often contain the line breaks of a PEM key as \n.
  if (text.includes('-----BEGIN')) return { name: 'pem', pem: text.replaceAll('\\n', '\n') }
  const json = parseJsonObject(text)
  if (json && 'keys' in json) return { name: 'set', json }
  if (json && 'kty' in json) {
    throw new HubError('INVALID_OPTION', `${name} is a single JWK. Put it into a set: {"keys":[…]}.`)
  }
  if (text === '') throw new HubError('INVALID_OPTION', `${name} is empty.`)
  return { name: 'secret', secret: text }
}

function parseJsonObject(text: string): object | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return JSON.parse(text) as object
  } catch (error) {
    // A secret may begin with a brace.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function fixedKeysOf(
  key: Exclude<KeyText, { name: 'url' }>,
  name: string,
  allowed: ReadonlySet<Algorithm>,
  onWarning: (warning: string) => void,
): readonly VerificationKey[] {
  if (key.name === 'secret') return [secretKey(key.secret, name, allowed, onWarning)]
  const what = key.name === 'pem' ? 'a PEM key' : 'a JWK Set'
  // [RFC 8725, 2.1] If the public key served as a secret, everyone who has it could sign.
  if ([...allowed].every(isSecretAlgorithm)) refuseSecretAlgorithm(name, what, allowed)
  if (key.name === 'pem') return [pemKey(key.pem, name, allowed)]

  const reading = readKeySet(key.json, allowed)
  if (reading.name === 'problem') throw new HubError('INVALID_OPTION', `${name} is not usable: ${reading.problem}.`)
  for (const remark of reading.remarks) onWarning(`${name}: ${remark}.`)
  if (reading.keys.length === 0) {
    throw new HubError('INVALID_OPTION', `${name}: ${reading.remarks.join('; ') || 'the JWK Set has no keys'}.`)
  }
  return reading.keys
}

function refuseSecretAlgorithm(name: string, what: string, allowed: ReadonlySet<Algorithm>): never {
  throw new HubError(
    'INVALID_OPTION',
    `${name} is ${what}, which is public, but ${[...allowed].join(', ')} is for shared secrets: anyone who has the public key could sign tokens. Choose an algorithm for public keys, or none for all that fit the key (--key-alg).`,
  )
}

function secretKey(
  secret: string,
  name: string,
  allowed: ReadonlySet<Algorithm>,
  onWarning: (warning: string) => void,
): VerificationKey {
  const algorithms = [...allowed].filter(isSecretAlgorithm)
  if (algorithms.length === 0) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} is a shared secret, which needs an algorithm: HS256, HS384 or HS512 (--key-alg HS256). If you meant a file, write file: and its path.`,
    )
  }
  const key = Buffer.from(secret)
  for (const algorithm of algorithms) assertLongEnough(key, name, algorithm)
  if (publicSecrets.includes(secret)) {
    onWarning(
      `${name} is a secret that everyone knows from tutorials: anyone can sign tokens. Use it only for development.`,
    )
  }
  return { kid: undefined, key, algorithms: new Set(algorithms) }
}

/**
 * [RFC 7518, 3.2] A secret must be as large as the hash or larger: a short one can be found by
 * trying. Throws `INVALID_OPTION` that names the key.
 */
export function assertLongEnough(secret: Uint8Array, name: string, algorithm: Algorithm): void {
  const leastBytes = Number(algorithm.slice(2)) / 8
  if (secret.length >= leastBytes) return
  throw new HubError(
    'INVALID_OPTION',
    `${name} is ${secret.length} bytes long; a secret for ${algorithm} needs at least ${leastBytes}. Make one with: openssl rand -base64 ${leastBytes}`,
  )
}

function pemKey(pem: string, name: string, allowed: ReadonlySet<Algorithm>): VerificationKey {
  const [label = '', ...others] = [...pem.matchAll(/-----BEGIN ([^-]+)-----/g)].map((match) => match[1] ?? '')
  if (label.includes('PRIVATE')) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} is a private key. The hub needs only the public key, and should not have the private one: openssl pkey -in private.pem -pubout`,
    )
  }
  if (!/^(RSA )?PUBLIC KEY$/.test(label)) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} is PEM, but not a public key. Extract the public key of a certificate with: openssl x509 -in certificate.pem -pubkey -noout`,
    )
  }
  if (others.length > 0) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} has ${others.length + 1} PEM blocks. Write each key as an item of a list.`,
    )
  }
  const key = importPem(pem, name)
  const fitting = algorithmsOf(key)
  if (fitting.length === 0) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} is ${describeKey(key)}, which cannot be used. Use Ed25519, P-256, P-384, P-521 or RSA of 2048 bits or more.`,
    )
  }
  const algorithms = fitting.filter((algorithm) => allowed.has(algorithm))
  if (algorithms.length === 0) {
    throw new HubError(
      'INVALID_OPTION',
      `${name} is ${describeKey(key)}, for ${fitting.join(', ')}, not for ${[...allowed].join(', ')}.`,
    )
  }
  return { kid: undefined, key, algorithms: new Set(algorithms) }
}

function importPem(pem: string, name: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new HubError('INVALID_OPTION', `${name} is not a readable PEM public key.`, { cause: error })
  }
}
