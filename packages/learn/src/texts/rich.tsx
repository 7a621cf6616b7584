/** A text in which what stands between backticks is code. */
export function Rich({ text }: { readonly text: string }) {
  const parts = text.split('`').map((part, index) => (index % 2 ? <code key={part}>{part}</code> : part))
  return <>{parts}</>
}
