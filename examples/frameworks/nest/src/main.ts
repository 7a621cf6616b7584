import { ShutdownSignal } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { AppModule } from './app.module.js'

// Idle connections of browsers are no reason to go on when asked to stop.
const app = await NestFactory.create<NestExpressApplication>(AppModule, { forceCloseConnections: true })
app.useStaticAssets('public')
// At SIGTERM, Nest calls beforeApplicationShutdown of GuestBook, and then closes its server.
app.enableShutdownHooks([ShutdownSignal.SIGTERM, ShutdownSignal.SIGINT], { useProcessExit: true })
await app.listen(process.env.PORT ?? 3000)
