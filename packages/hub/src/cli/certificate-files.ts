import { readFile } from 'node:fs/promises'
import { HubError } from '../errors.ts'
import { assertCertificate, type Certificate } from '../http/tls.ts'

/** How often the files are looked at, in milliseconds. Not by `fs.watch`, which loses sight of files that are replaced by links. */
const pollMs = 10_000

/** A certificate in two files, which others renew. */
export class CertificateFiles {
  readonly #certPath: string
  readonly #keyPath: string
  #current: CertificateBytes | undefined

  constructor(certPath: string, keyPath: string) {
    this.#certPath = certPath
    this.#keyPath = keyPath
  }

  /** Reads them. Rejects with `INVALID_OPTION` if they cannot be read, or not be used. */
  async read(): Promise<CertificateBytes> {
    const certificate = { cert: await readPem(this.#certPath), key: await readPem(this.#keyPath) }
    assertCertificate(certificate)
    this.#current = certificate
    return certificate
  }

  /** Reads them again, and gives the certificate if it is another one. */
  async readIfChanged(): Promise<Certificate | undefined> {
    const before = this.#current
    const now = await this.read()
    return before && now.cert.equals(before.cert) && now.key.equals(before.key) ? undefined : now
  }

  /** Calls back with each new certificate, until the process ends. Halfway through being replaced the two do not fit: the next look will do. */
  watch(onChange: (certificate: Certificate) => Promise<void>, onError: (error: unknown) => void): void {
    let told: string | undefined
    setInterval(async () => {
      try {
        const changed = await this.readIfChanged()
        told = undefined
        if (changed) await onChange(changed)
      } catch (error) {
        const { message } = error as Error
        if (told !== message) onError(error)
        told = message
      }
    }, pollMs).unref()
  }
}

interface CertificateBytes extends Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new HubError('INVALID_OPTION', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
