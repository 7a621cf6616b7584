import { defineEvents } from '@headwater/sse'
import * as v from 'valibot'

export interface Task {
  id: number
  title: string
  isDone: boolean
}

export const events = defineEvents({
  /** A task as it is now, be it new or changed. */
  task: v.object({ id: v.number(), title: v.string(), isDone: v.boolean() }),
})
