import { render } from 'preact'
import { App } from './app.tsx'
import { untilReady } from './server.ts'
import './style/tokens.css'
import './style/page.css'

const page = document.getElementById('page')!
// Without a server there is nothing to try: say why.
untilReady().then(
  () => render(<App />, page),
  (error) => {
    page.textContent = String(error)
  },
)
