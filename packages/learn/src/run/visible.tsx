/** Text of the wire with its line ends and other characters that one does not see. */
export function Visible({ text }: { readonly text: string }) {
  return (
    <>
      {text.split(/(\r\n|\r|\n|\0|\ufeff)/).map((part, index) => {
        const sign = signs[part]
        return sign ? (
          <i key={index} aria-hidden="true">
            {sign}
          </i>
        ) : (
          part
        )
      })}
    </>
  )
}

const signs: Readonly<Record<string, string>> = {
  '\n': '\\n\n',
  '\r': '\\r\n',
  '\r\n': '\\r\\n\n',
  '\0': '\\0',
  '\ufeff': 'BOM',
}
