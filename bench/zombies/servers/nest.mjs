import 'reflect-metadata'
import { Controller, Get, Module, Sse } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Observable } from 'rxjs'
import { host, join, report } from '../feed.mjs'

class Events {
  report() {
    return report()
  }
  events() {
    return new Observable((subscriber) => join((data) => subscriber.next({ data })))
  }
}
// What decorators do, in plain JavaScript.
const methods = Events.prototype
Controller()(Events)
Get('report')(methods, 'report', Object.getOwnPropertyDescriptor(methods, 'report'))
Sse('events')(methods, 'events', Object.getOwnPropertyDescriptor(methods, 'events'))

class App {}
Module({ controllers: [Events] })(App)

const app = await NestFactory.create(App, { logger: false })
await app.listen(0, host)
console.log(`port ${app.getHttpServer().address().port}`)
