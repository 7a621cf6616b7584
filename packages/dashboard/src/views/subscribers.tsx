import { useState } from 'preact/hooks'
import { goTo } from '../data/location.ts'
import type { ListedSubscriber, SubscriberList } from '../data/wire.ts'
import { bytes, count, duration } from '../format.ts'
import { usePolled } from '../parts/polled.ts'
import { SearchField } from '../parts/search-field.tsx'

export function SubscribersView() {
  const [search, setSearch] = useState('')
  const { value: list, problem } = usePolled<SubscriberList & { at: number }>('subscribers', {
    search: search || undefined,
    limit: 200,
  })
  return (
    <div class="view">
      <h1>Subscribers</h1>
      <div class="toolbar">
        <SearchField label="Search by topic or address" value={search} onChange={setSearch} />
        {list && (
          <span class="quiet-text">
            {count(list.total)} open
            {list.subscribers.length < list.found &&
              `; ${count(list.subscribers.length)} of ${count(list.found)} shown, the furthest behind first`}
          </span>
        )}
      </div>
      {problem !== undefined && <p class="problem">{problem.message}</p>}
      <section class="panel scrolls" tabIndex={0} aria-label="Subscribers, the furthest behind first">
        <table>
          <thead>
            <tr>
              <th scope="col">Waits for</th>
              <th scope="col">From</th>
              <th scope="col" class="figure">
                Lag
              </th>
              <th scope="col" class="figure">
                Unsent
              </th>
              <th scope="col" class="figure">
                There for
              </th>
            </tr>
          </thead>
          <tbody>
            {list?.subscribers.map((subscriber, index) => (
              <Subscriber
                key={`${subscriber.since} ${subscriber.address} ${index}`}
                subscriber={subscriber}
                at={list.at}
              />
            ))}
          </tbody>
        </table>
        {list?.subscribers.length === 0 && (
          <p class="empty">
            {search === ''
              ? 'Nobody is subscribed. This page counts only if you open a raw stream.'
              : 'No subscriber has this.'}
          </p>
        )}
      </section>
    </div>
  )
}

function Subscriber({ subscriber, at }: { subscriber: ListedSubscriber; at: number }) {
  const { selectors, selectorCount, address, holder, since, lastEventId, lagEvents, isCatchingUp, unsentBytes } =
    subscriber
  return (
    <tr>
      <td class="name">
        {selectors.map(({ type, match }) => (
          <span key={`${type} ${match}`} class="selector">
            <button
              type="button"
              class="link"
              onClick={() => goTo({ view: 'events', topic: match === '*' ? '' : match, from: '' })}
            >
              {match}
            </button>
            {type !== 'exact' && type !== 'all' && <span class="badge">{type}</span>}
          </span>
        ))}
        {selectorCount > selectors.length && (
          <span class="quiet-text">and {count(selectorCount - selectors.length)} more</span>
        )}
      </td>
      <td>
        {address}
        {holder && <span class="quiet-text"> · holder {holder}</span>}
        {lastEventId && <span class="quiet-text second">came with {lastEventId}</span>}
      </td>
      <td class="figure">
        {lagEvents === 0 ? '–' : count(lagEvents)}
        {isCatchingUp && <span class="badge slow">from history</span>}
      </td>
      <td class="figure">{unsentBytes === 0 ? '–' : bytes(unsentBytes)}</td>
      <td class="figure">{duration(at - since)}</td>
    </tr>
  )
}
