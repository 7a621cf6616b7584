import { describeBrowser } from './runners/describe-browser.ts'

describeBrowser('WebKit')
