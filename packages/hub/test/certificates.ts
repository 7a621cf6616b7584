import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from '../src/http/server/tls.ts'

/** Why no certificate can be made, which it prints: the tests that need one are skipped. `undefined` when it can. */
export function whyNoCertificates(): string | undefined {
  try {
    execFileSync('openssl', ['version'])
    return undefined
  } catch (error) {
    const why = `openssl cannot be run: ${(error as Error).message}`
    console.log(`skipped: what needs a certificate, because ${why}`)
    return why
  }
}

/** A self-signed certificate for localhost, made for one test. */
export function makeCertificate(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-certificate-'))
  try {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const about = ['-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')]
    execFileSync('openssl', ['req', '-x509', ...curve, ...about, ...files], { stdio: 'pipe' })
    return { cert: readFileSync(join(directory, 'cert.pem')), key: readFileSync(join(directory, 'key.pem')) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Where a hub reads its certificate and key, in a directory; `write` replaces both. */
export function certificateFiles(directory: string) {
  const [certPath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  return {
    certPath,
    keyPath,
    write({ cert, key }: Certificate) {
      writeFileSync(certPath, cert)
      writeFileSync(keyPath, key)
    },
  }
}
