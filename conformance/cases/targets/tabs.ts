/** What the pages and workers of the tests of tabs() run. */
import { EventSource } from '@headwater/sse/client'
import { type TabRole, tabs } from '@headwater/sse/tabs'

interface TabOptions {
  readonly lastEventId?: string
  readonly isShared: boolean
  readonly isMerging?: boolean
}

/** Opens an EventSource, and notes what it does. */
export function openTab(url: string, { isShared, isMerging, lastEventId }: TabOptions) {
  const roles: TabRole[] = []
  const seen: string[] = []
  const source = new EventSource(url, {
    lastEventId,
    ...(isShared && { share: tabs({ merge: isMerging, onRole: (role) => roles.push(role) }) }),
  })
  source.onopen = () => seen.push('open')
  source.onerror = (event) => seen.push(event.willRetry ? 'error' : 'closed')
  source.onmessage = ({ data }) => seen.push(data)
  return {
    source,
    roles,
    seen,
    /** What the events said. */
    get data() {
      return seen.filter((item) => !/^(open|error|closed)$/.test(item))
    },
    /** The same, where they say numbers. */
    get events() {
      return seen.filter((item) => /^\d+$/.test(item)).map(Number)
    },
  }
}
