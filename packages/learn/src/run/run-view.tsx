import { useTexts } from '../texts/texts.ts'
import { Feed } from './feed.tsx'
import type { Run } from './run.ts'
import { StateLane } from './state-lane.tsx'

/** Both clients of a run, side by side. */
export function RunView({ run }: { readonly run: Run }) {
  const texts = useTexts()
  return (
    <>
      {run.failure !== undefined && <p role="alert">{run.failure}</p>}
      <div class="lanes">
        {run.lanes.map(({ client, entries, states }) => (
          <div key={client} class="client" data-client={client}>
            <h3>{texts.run[client]}</h3>
            <StateLane states={states} startedAt={run.startedAt} />
            <p class="legend">
              {(client === 'ours' || !run.isReceivedShown) && (
                <span>{run.isReceivedShown ? texts.run.wireHere : texts.run.wire}</span>
              )}
              <span class="object">{texts.run.object}</span>
            </p>
            <Feed entries={[...entries]} startedAt={run.startedAt} label={`${texts.run[client]}: ${texts.run.feed}`} />
          </div>
        ))}
      </div>
    </>
  )
}
