import { Module } from '@nestjs/common'
import { GuestBookController } from './guest-book.controller.js'
import { GuestBook } from './guest-book.service.js'

@Module({ controllers: [GuestBookController], providers: [GuestBook] })
export class AppModule {}
