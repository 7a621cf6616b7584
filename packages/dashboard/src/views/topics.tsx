import { useState } from 'preact/hooks'
import { goTo } from '../data/location.ts'
import type { TopicList } from '../data/wire.ts'
import { ago, count, rate } from '../format.ts'
import { usePolled } from '../parts/polled.ts'
import { SearchField } from '../parts/search-field.tsx'

export function TopicsView() {
  const [search, setSearch] = useState('')
  const { value: list, problem } = usePolled<TopicList>('topics', { search: search || undefined, limit: 200 })
  return (
    <div class="view">
      <h1>Topics</h1>
      <div class="toolbar">
        <SearchField label="Search topics" value={search} onChange={setSearch} />
        {list && (
          <span class="quiet-text">
            {count(list.counted)}{' '}
            {list.isPartial
              ? 'topics used last; there are more in the history'
              : list.counted === 1
                ? 'topic'
                : 'topics'}
          </span>
        )}
      </div>
      {problem !== undefined && <p class="problem">{problem.message}</p>}
      <section class="panel scrolls" tabIndex={0} aria-label="Topics, the busiest first">
        <table>
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col" class="figure">
                Events a minute
              </th>
              <th scope="col" class="figure">
                Since the start
              </th>
              <th scope="col" class="figure">
                Newest
              </th>
            </tr>
          </thead>
          <tbody>
            {list?.busiest.map(({ topic, perMinute, events, lastAt }) => (
              <tr key={topic}>
                <td class="name">
                  <button type="button" class="link" onClick={() => goTo({ view: 'events', topic, from: '' })}>
                    {topic}
                  </button>
                </td>
                <td class="figure">{rate(perMinute)}</td>
                <td class="figure">{count(events)}</td>
                <td class="figure">{ago(Date.now() - lastAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {list?.busiest.length === 0 && (
          <p class="empty">{search === '' ? 'Nothing was published yet.' : 'No topic contains this.'}</p>
        )}
      </section>
    </div>
  )
}
