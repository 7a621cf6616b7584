/** What the tests need of a browser, whichever protocol drives it. */
export interface TestBrowser {
  /** A page that is visible, as far as it knows. */
  newPage(): Promise<TestPage>
  close(): Promise<void>
}

export interface TestPage {
  goto(url: string): Promise<unknown>
  /** The value of an expression in the page, or of the promise that it is; as text, since a function would arrive as the test runner has transformed it. */
  evaluate(expression: string): Promise<unknown>
  waitForFunction(condition: string, options?: { timeout?: number; polling?: number }): Promise<unknown>
  close(): Promise<void>
}
