interface ImportMeta {
  readonly env: { readonly MODE: string }
}

declare module '*.css' {}

declare module '*?raw' {
  const text: string
  export default text
}
