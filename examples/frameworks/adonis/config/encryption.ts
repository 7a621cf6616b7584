import { randomBytes } from 'node:crypto'
import { defineConfig, drivers } from '@adonisjs/core/encryption'

// Adonis wants a key. Nothing here is encrypted, so without APP_KEY each process makes one up.
const key = process.env.APP_KEY ?? randomBytes(32).toString('hex')

export default defineConfig({ default: 'app', list: { app: drivers.aes256gcm({ id: 'app', keys: [key] }) } })
