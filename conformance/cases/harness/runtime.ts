export interface Runtime {
  engine: 'Chromium' | 'Firefox' | 'WebKit' | 'Node.js' | 'Bun' | 'Deno' | 'workerd'
  scope: 'page' | 'worker' | 'shared worker' | 'process'
  implementation: 'native' | 'ours'
}
