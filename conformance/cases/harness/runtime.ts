export interface Runtime {
  engine: 'Chromium' | 'Firefox' | 'Node.js' | 'Bun' | 'Deno' | 'workerd'
  scope: 'page' | 'worker' | 'shared worker' | 'process'
  implementation: 'native' | 'ours'
}
