/** As much of Bun and Deno as the examples use: each brings its own types, and they exclude each other's and Node's. */
declare const Bun: {
  serve(options: { port: number; hostname: string; routes: Record<string, BunHandler | Record<string, BunHandler>> }): {
    url: URL
    stop(): Promise<void>
  }
  file(url: URL): Blob
}

interface BunServer {
  requestIP(request: Request): { readonly address: string } | null
}

type BunHandler = (request: Request, server: BunServer) => Response | Promise<Response>

declare const Deno: {
  serve(
    options: { port: number; hostname: string; onListen(address: { port: number }): void },
    handler: (
      request: Request,
      info: { readonly remoteAddr: { readonly hostname: string } },
    ) => Response | Promise<Response>,
  ): { shutdown(): Promise<void> }
  readTextFile(url: URL): Promise<string>
  addSignalListener(signal: 'SIGTERM', listener: () => void): void
  env: { get(name: string): string | undefined }
  exit(): never
}

/** wrangler makes a text of what is imported from HTML. */
declare module '*.html' {
  const text: string
  export default text
}
