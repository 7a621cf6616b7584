import type { HttpContext } from '@adonisjs/core/http'
import { createSession } from '@headwater/sse/server'
import { channel, write } from '#services/guest_book'

export default class GuestBookController {
  events({ request, response }: HttpContext) {
    channel.subscribe(createSession(request.request, response.response))
  }

  write({ request, response }: HttpContext) {
    response.created({ id: write(String(request.input('text'))) })
  }
}
