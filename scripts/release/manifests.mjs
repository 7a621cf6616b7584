/** The text of a manifest of ours with another version: its own, if it has one, and of our packages that it depends on. */
export function withVersion(text, version) {
  return text
    .replace(/^( {2}"version": ")[^"]*/m, `$1${version}`)
    .replace(/^( {4}"(?:headwater|@headwater\/sse)": "\^?)\d[^"]*/gm, `$1${version}`)
}
