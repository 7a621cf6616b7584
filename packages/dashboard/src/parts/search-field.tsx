interface SearchFieldProps {
  /** What the field is for: shown while it is empty, and read out. */
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}

/** A field that narrows down what a view lists. */
export function SearchField({ label, value, onChange }: SearchFieldProps) {
  return (
    <label class="grow">
      <span class="hidden">{label}</span>
      <input type="search" placeholder={label} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  )
}
