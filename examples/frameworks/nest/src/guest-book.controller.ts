import { createSession } from '@headwater/sse/server'
import { Body, Controller, Get, Post, Req, Res } from '@nestjs/common'
import type { Request, Response } from 'express'
import { interval, map } from 'rxjs'
import { GuestBook } from './guest-book.service.js'

@Controller('api')
export class GuestBookController {
  constructor(private readonly guestBook: GuestBook) {}

  /** With `@Res()`, Nest leaves the response to us. */
  @Get('events')
  events(@Req() req: Request, @Res() res: Response): void {
    this.guestBook.subscribe(createSession(req, res))
  }

  @Post('notes')
  write(@Body('text') text: unknown): { id: string } {
    return { id: this.guestBook.write(String(text)) }
  }

  /** An Observable is piped as it is, and unsubscribed from when the client leaves. */
  @Get('clock')
  clock(@Req() req: Request, @Res() res: Response): void {
    createSession(req, res).pipe(interval(1000).pipe(map(() => ({ type: 'clock', data: new Date() }))))
  }
}
