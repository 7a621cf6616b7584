import { readFile } from 'node:fs/promises'
import { HubError } from '../../base/errors.ts'
import { assertCertificate, type Certificate } from '../../http/server/tls.ts'

/**
 * How often the files are checked, in milliseconds. `fs.watch` does not do: it loses track of files
 * that are replaced through links.
 */
const pollMs = 10_000

/** A certificate in two files that another program renews. */
export class CertificateFiles {
  readonly #certPath: string
  readonly #keyPath: string
  /**
   * The certificate that connections get now. The caller sets it, so a renewal that could not be
   * used is tried again at the next check.
   */
  inUse: CertificateBytes | undefined

  constructor(certPath: string, keyPath: string) {
    this.#certPath = certPath
    this.#keyPath = keyPath
  }

  /** Reads the files. Rejects with `INVALID_OPTION` if they cannot be read or used. */
  async read(): Promise<CertificateBytes> {
    const certificate = { cert: await readPem(this.#certPath), key: await readPem(this.#keyPath) }
    assertCertificate(certificate)
    return certificate
  }

  /**
   * Calls `use` with each new certificate, until the process ends. While the files are being
   * replaced they may not match: the next check finds them complete.
   */
  watch(use: (certificate: CertificateBytes) => Promise<void>, onError: (error: unknown) => void): void {
    let reported: string | undefined
    setInterval(async () => {
      try {
        const certificate = await this.read()
        if (!this.#isInUse(certificate)) await use(certificate)
        reported = undefined
      } catch (error) {
        const { message } = error as Error
        if (reported !== message) onError(error)
        reported = message
      }
    }, pollMs).unref()
  }

  #isInUse({ cert, key }: CertificateBytes): boolean {
    return this.inUse !== undefined && cert.equals(this.inUse.cert) && key.equals(this.inUse.key)
  }
}

/** A certificate as it is in the files. */
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
