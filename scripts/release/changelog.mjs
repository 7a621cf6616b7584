// CHANGELOG.md: each change adds its line to the section "Unreleased", and a release gives that section its version and date.

const heading = /^## (.*)$/gm

/** The changelog with what is unreleased as this version, and an empty section for what follows. */
export function releaseChangelog(text, version, date) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    throw new Error(`the version is ${JSON.stringify(version)}, not like 1.2.3`)
  if (sectionOf(text, version)) throw new Error(`CHANGELOG.md has a section ${version} already`)
  const unreleased = sections(text).find(({ title }) => title.startsWith('Unreleased'))
  if (!unreleased) throw new Error('CHANGELOG.md has no section "Unreleased"')
  if (!unreleased.body.includes('\n- ')) throw new Error('CHANGELOG.md has no change under "Unreleased"')
  const { start, end, body } = unreleased
  return `${text.slice(0, start)}## Unreleased\n\n## ${version} (${date})${body}${text.slice(end)}`
}

/** The section of a version, without its heading; undefined if there is none. */
export function sectionOf(text, version) {
  return sections(text)
    .find(({ title }) => title.split(' ')[0] === version)
    ?.body.trim()
}

/** One line about what a release would say of itself. */
export function changesOf(text, version) {
  const released = sectionOf(text, version)
  const body = released ?? sections(text).find(({ title }) => title.startsWith('Unreleased'))?.body ?? ''
  const count = body.match(/^- /gm)?.length ?? 0
  return `CHANGELOG.md: ${count} changes ${released === undefined ? 'unreleased' : `in ${version}`}`
}

function sections(text) {
  const starts = Array.from(text.matchAll(heading), ({ 0: line, 1: title, index }) => ({ line, title, start: index }))
  return starts.map(({ line, title, start }, index) => {
    const end = starts[index + 1]?.start ?? text.length
    return { title, start, end, body: text.slice(start + line.length, end) }
  })
}
