// node read.mjs READER URL [SAVED-ID]: prints a line of JSON for each message that the library hands its user.
const [name, url, savedId] = process.argv.slice(2)
const { read } = await import(new URL(`${name}.mjs`, import.meta.url))
// Some do not keep the process alive while they wait to reconnect.
const alive = setInterval(() => {}, 60_000)
await read(url, ({ id, type, data }) => process.stdout.write(`${JSON.stringify({ id, type, data })}\n`), { savedId })
clearInterval(alive)
