/** Where the hub is found, on whatever host. */
export const hubPath = '/.well-known/mercure'
