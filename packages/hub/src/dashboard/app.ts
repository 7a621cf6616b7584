// The hub's own page. It has no special access: it subscribes with the public client and publishes
// with a form POST.
import { EventSource, pageReturn } from '@headwater/sse/client'
import { ConnectionView } from './connection-view.ts'
import { EventList } from './event-list.ts'
import { connectPublishForm } from './publish-form.ts'
import { readVitals, VitalsCharts } from './vitals-charts.ts'

/**
 * The most events that the hub sends of its history. `headwater vitals` publishes one a second: the
 * last 500 events, as many as the list shows, would soon be readings alone.
 */
const HISTORY_EVENTS = 10_000

const hubUrl = new URL(document.querySelector<HTMLMetaElement>('meta[name=hub]')!.content, document.baseURI)
const list = new EventList()
const connection = new ConnectionView(list)
const charts = new VitalsCharts(document.getElementById('vitals') as HTMLElement)
let lastEventId = ''
let received = 0
let source = connect()

connectPublishForm(hubUrl)
showLessons()
showCommands()
document.getElementById('connection-toggle')?.addEventListener('click', () => {
  if (source.readyState === EventSource.CLOSED) {
    source = connect()
  } else {
    source.close()
    connection.closed(source)
  }
})

/**
 * Only a hub with --dev has lessons, and listens only to this machine: elsewhere nothing is asked.
 */
async function showLessons(): Promise<void> {
  if (!/^(localhost|127\.|\[::1\]$)/.test(location.hostname)) return
  const { ok } = await fetch('learn/', { method: 'HEAD' })
  document.getElementById('learn')?.toggleAttribute('hidden', !ok)
}

/**
 * The first connection requests the newest part of the history, later ones everything since the
 * last event.
 */
function connect(): EventSource {
  const url = new URL(hubUrl)
  url.searchParams.set('match', '*')
  if (lastEventId === '') url.searchParams.set('last_event_id', `-${HISTORY_EVENTS}`)
  const opened = new EventSource(url, {
    lastEventId,
    // A page that people keep open reconnects by itself, also after a proxy's 502 while the hub
    // restarts.
    retry: { backoffMs: 500, maxBackoffMs: 5000 },
    reconnectOn: pageReturn,
    onEvent: receive,
  })
  connection.follow(opened, () => lastEventId)
  return opened
}

function receive(event: MessageEvent<string>): void {
  lastEventId = event.lastEventId
  received += 1
  show('last-event-id', lastEventId)
  show('received', received.toLocaleString('en'))
  if (event.type === 'headwater-gap') {
    list.note('gap', describeGap(event.data))
  } else {
    const vitals = event.type === 'vitals' && readVitals(event.data)
    // Readings are drawn, not listed: they would push everything else out of the list.
    if (vitals) charts.add(vitals)
    else list.add({ type: event.type, data: event.data, lastEventId })
  }
}

function describeGap(data: string): string {
  const { reason, requested } = JSON.parse(data) as { reason: string; requested: string }
  const causes: Record<string, string> = {
    trimmed: 'the next events are no longer in the history',
    epoch: 'the hub began a new history',
    unknown: 'the hub does not know that event',
    ahead: 'that event is beyond the end of the history: was a backup restored?',
  }
  return `Gap after ${requested}: ${causes[reason] ?? reason}. Everything still in the history follows.`
}

function showCommands(): void {
  show(
    'commands',
    `curl -d topic=log -d data=hello ${hubUrl}\n\ntail -f /var/log/syslog | npx headwater publish -t log --hub ${hubUrl.origin}`,
  )
}

function show(id: string, text: string): void {
  const element = document.getElementById(id)
  if (element) {
    element.textContent = text
    element.title = text
  }
}
