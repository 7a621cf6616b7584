const key = 'headwater-token'

/** The token of this tab. It ends with the tab, is in no URL, and goes to no other origin. */
export function readToken(): string {
  return sessionStorage.getItem(key) ?? ''
}

export function saveToken(token: string): void {
  sessionStorage.setItem(key, token.trim())
}

export function forgetToken(): void {
  sessionStorage.removeItem(key)
}
