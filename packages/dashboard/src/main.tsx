import { render } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/views.css'
import 'uplot/dist/uPlot.min.css'
import { App } from './app.tsx'

render(<App />, document.getElementById('app')!)
