import { createStore } from './data/store.ts'

export type Theme = 'auto' | 'light' | 'dark'

const key = 'headwater-theme'
const isDark = matchMedia('(prefers-color-scheme: dark)')

export const theme = createStore<Theme>(saved())
/** What the theme comes to now. Plots are drawn anew when it changes. */
export const shade = createStore<'light' | 'dark'>('light')

apply()
isDark.addEventListener('change', apply)

/** Light or dark as the system has it, or as the person wants it here. */
export function setTheme(next: Theme): void {
  localStorage.setItem(key, next)
  theme.set(next)
  apply()
}

function apply(): void {
  const wanted = theme.get()
  document.documentElement.dataset.theme = wanted
  shade.set(wanted === 'auto' ? (isDark.matches ? 'dark' : 'light') : wanted)
}

function saved(): Theme {
  const value = localStorage.getItem(key)
  return value === 'light' || value === 'dark' ? value : 'auto'
}
