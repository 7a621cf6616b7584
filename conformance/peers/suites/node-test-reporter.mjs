// One line of JSON for each test of node:test; suites are not counted.
export default async function* (source) {
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite' || data.skip) continue
    const error =
      type === 'test:fail' ? String(data.details.error?.cause?.message ?? data.details.error?.message) : undefined
    yield `RESULT ${JSON.stringify({ name: data.name, error })}\n`
  }
}
