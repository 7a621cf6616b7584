import { readFile } from 'node:fs/promises'
import { HubError } from '../../base/errors.ts'
import { assertCertificate, type Certificate } from '../../http/server/tls.ts'

/** How often the files are looked at, in milliseconds. Not by `fs.watch`, which loses sight of files that are replaced by links. */
const pollMs = 10_000

/** A certificate in two files, which others renew. */
export class CertificateFiles {
  readonly #certPath: string
  readonly #keyPath: string
  /** What connections get now: set by who has seen to that. A renewal that could not be used is one at the next look, too. */
  inUse: CertificateBytes | undefined

  constructor(certPath: string, keyPath: string) {
    this.#certPath = certPath
    this.#keyPath = keyPath
  }

  /** Reads them. Rejects with `INVALID_OPTION` if they cannot be read, or not be used. */
  async read(): Promise<CertificateBytes> {
    const certificate = { cert: await readPem(this.#certPath), key: await readPem(this.#keyPath) }
    assertCertificate(certificate)
    return certificate
  }

  /** Calls back with each certificate that is not in use, until the process ends. Halfway through being replaced the two do not fit: the next look will do. */
  watch(use: (certificate: CertificateBytes) => Promise<void>, onError: (error: unknown) => void): void {
    let told: string | undefined
    setInterval(async () => {
      try {
        const certificate = await this.read()
        if (!this.#isInUse(certificate)) await use(certificate)
        told = undefined
      } catch (error) {
        const { message } = error as Error
        if (told !== message) onError(error)
        told = message
      }
    }, pollMs).unref()
  }

  #isInUse({ cert, key }: CertificateBytes): boolean {
    return this.inUse !== undefined && cert.equals(this.inUse.cert) && key.equals(this.inUse.key)
  }
}

/** As it is in the files. */
export interface CertificateBytes extends Certificate {
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
