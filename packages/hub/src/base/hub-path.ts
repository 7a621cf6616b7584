/** The path of the hub on every host. */
export const hubPath = '/.well-known/mercure'
