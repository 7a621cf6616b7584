// Makes an image of the hub without a container engine, as an OCI image layout:
//
//   npm run build && npm run image -- FOLDER
//   skopeo copy oci:FOLDER:latest containers-storage:headwater      (or podman pull oci:FOLDER:latest)
//
// The same sources, Node and C library make the same image, byte for byte. deploy/Containerfile makes one with an engine.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { layers, user } from './image/layers.mjs'
import { tarOf } from './image/tar.mjs'
import { root } from './setup.mjs'

const [given = 'headwater-image'] = process.argv.slice(2)
const directory = resolve(given)
if (existsSync(directory) && readdirSync(directory).length > 0) {
  console.error(`${directory} is not empty. Name a new folder.`)
  process.exit(2)
}
const blobs = join(directory, 'blobs/sha256')
mkdirSync(blobs, { recursive: true })

const { version, description } = JSON.parse(readFileSync(join(root, 'packages/hub/package.json'), 'utf8'))
const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch]
const made = layers().map(({ name, entries }) => {
  const tar = tarOf(entries)
  // Without the time and the system, which gzip would write into its header.
  const gzip = gzipSync(tar, { level: 9 })
  gzip[9] = 255
  return { name, diffId: digestOf(tar), descriptor: blob('application/vnd.oci.image.layer.v1.tar+gzip', gzip) }
})
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString()
const config = blob(
  'application/vnd.oci.image.config.v1+json',
  json({
    created,
    architecture,
    os: 'linux',
    config: {
      User: `${user}:${user}`,
      ExposedPorts: { '3000/tcp': {} },
      Env: ['NODE_ENV=production', 'HEADWATER_LISTEN=0.0.0.0:3000', 'HEADWATER_STORE=file:/data', 'HOME=/data'],
      Entrypoint: ['/usr/local/bin/node', '/app/node_modules/headwater/bin/headwater.js'],
      Cmd: ['serve'],
      Volumes: { '/data': {} },
      WorkingDir: '/app',
      StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.title': 'headwater',
        'org.opencontainers.image.description': description,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'MIT',
      },
    },
    rootfs: { type: 'layers', diff_ids: made.map(({ diffId }) => diffId) },
    history: made.map(({ name }) => ({ created, created_by: name })),
  }),
)
const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const manifest = blob(
  manifestType,
  json({ schemaVersion: 2, mediaType: manifestType, config, layers: made.map(({ descriptor }) => descriptor) }),
)
const index = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    {
      ...manifest,
      platform: { architecture, os: 'linux' },
      annotations: { 'org.opencontainers.image.ref.name': 'latest' },
    },
  ],
}
writeFileSync(join(directory, 'index.json'), json(index))
writeFileSync(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
for (const { name, descriptor } of made) console.log(`${(descriptor.size / 1e6).toFixed(1).padStart(6)} MB  ${name}`)
console.log(`${manifest.digest} in ${directory}`)

function blob(mediaType, bytes) {
  const digest = digestOf(bytes)
  writeFileSync(join(blobs, digest.slice(7)), bytes)
  return { mediaType, digest, size: bytes.length }
}

function digestOf(bytes) {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function json(value) {
  return Buffer.from(JSON.stringify(value))
}
