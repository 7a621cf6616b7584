/** The form that publishes to this hub like any other program: by an HTTP POST with form fields. */
export function connectPublishForm(hubUrl: URL): void {
  const form = document.querySelector<HTMLFormElement>('#publish')
  const result = document.querySelector<HTMLElement>('#publish-result')
  if (!form || !result) return
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault()
    const fields = new URLSearchParams()
    for (const [name, value] of new FormData(form)) {
      if (typeof value === 'string' && (value !== '' || name === 'data')) fields.append(name, value)
    }
    try {
      const response = await fetch(hubUrl, { method: 'POST', body: fields })
      const text = await response.text()
      show(response.ok ? 'published' : 'failed', response.ok ? `stored as ${text}` : problem(text, response.status))
    } catch (error) {
      show('failed', `The hub did not answer (${(error as Error).message}). Your text is still here: try again.`)
    }
  })

  function show(outcome: 'published' | 'failed', text: string): void {
    if (!result) return
    result.dataset.outcome = outcome
    result.textContent = text
    result.title = text
  }
}

/** The hub explains a refusal in a problem document (RFC 9457), whose `detail` is for people. */
function problem(text: string, status: number): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string }
    return detail ?? title ?? `refused with status ${status}`
  } catch {
    // A proxy in between answers with other text than JSON.
    return text.slice(0, 300) || `refused with status ${status}`
  }
}
