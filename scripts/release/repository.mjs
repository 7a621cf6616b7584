/** What a manifest says of where the source is, from one URL of a web page. Throws for anything else. */
export function repositoryOf(url) {
  const parsed = URL.canParse(url) ? new URL(url.replace(/^git\+/, '')) : undefined
  const path = parsed?.pathname.replace(/\.git$|\/$/g, '')
  if (parsed?.protocol !== 'https:' || parsed.username || !path || path.split('/').length < 3) {
    throw new Error(`the repository is ${JSON.stringify(url)}: it must be like https://example.com/owner/name`)
  }
  const page = `${parsed.origin}${path}`
  return {
    fields: (directory) => ({
      repository: { type: 'git', url: `git+${page}.git`, directory },
      bugs: { url: `${page}/issues` },
      homepage: `${page}#readme`,
    }),
  }
}
