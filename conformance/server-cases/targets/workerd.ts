import { handle } from '../handle.ts'

/** Requests share what they remember only within one Durable Object. */
export class Server {
  fetch(request: Request): Promise<Response> {
    return handle(request)
  }
}

interface Environment {
  SERVER: { idFromName(name: string): unknown; get(id: unknown): Server }
}

export default {
  fetch(request: Request, { SERVER }: Environment): Promise<Response> {
    return SERVER.get(SERVER.idFromName('the only one')).fetch(request)
  },
}
