/** workerd: the order is a request's body, the answer its results as JSON. */
import { UncaughtErrors } from '../harness/uncaught-errors.ts'
import { carryOut, type RunOrder } from './run-order.ts'

const uncaught = new UncaughtErrors()
globalThis.addEventListener('error', (event) => {
  event.preventDefault()
  uncaught.add(event.error)
})

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await carryOut((await request.json()) as RunOrder, uncaught))
  },
}
