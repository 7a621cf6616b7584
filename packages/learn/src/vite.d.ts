interface ImportMeta {
  readonly env: { readonly MODE: string }
}

declare module '*.css' {}
