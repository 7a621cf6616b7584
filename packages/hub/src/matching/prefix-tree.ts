/**
 * A map from prefixes to values: a text finds the values of all its prefixes. A lookup takes time
 * for the length of the text and the found values, not for all stored ones. It is a tree in which
 * each branch begins with a different character.
 */
export class PrefixTree<T> {
  readonly #root: Node<T> = { label: '', values: new Set(), branches: new Map() }

  get isEmpty(): boolean {
    return this.#root.values.size === 0 && this.#root.branches.size === 0
  }

  add(prefix: string, value: T): void {
    let node = this.#root
    for (let at = 0; at < prefix.length; ) {
      const code = prefix.charCodeAt(at)
      const next = node.branches.get(code)
      if (!next) {
        const leaf: Node<T> = { label: prefix.slice(at), values: new Set([value]), branches: new Map() }
        node.branches.set(code, leaf)
        return
      }
      const common = commonLength(next.label, prefix, at)
      node = common < next.label.length ? split(node, next, common) : next
      at += common
    }
    node.values.add(value)
  }

  delete(prefix: string, value: T): void {
    const path = [this.#root]
    for (let at = 0; at < prefix.length; ) {
      const next = path.at(-1)!.branches.get(prefix.charCodeAt(at))
      if (!next || !prefix.startsWith(next.label, at)) return
      path.push(next)
      at += next.label.length
    }
    const node = path.at(-1)!
    const parent = path.at(-2)
    node.values.delete(value)
    if (!parent || node.values.size > 0) return
    if (node.branches.size === 0) parent.branches.delete(node.label.charCodeAt(0))
    // Joins a node that is no longer needed with the only node below it.
    joinOnlyBranch(parent, node)
    const grandparent = path.at(-3)
    if (grandparent) joinOnlyBranch(grandparent, parent)
  }

  /** Calls back with each value whose prefix begins the text, shortest prefix first. */
  visit(text: string, onValue: (value: T) => void): void {
    let node: Node<T> | undefined = this.#root
    for (let at = 0; node; ) {
      for (const value of node.values) onValue(value)
      const next = node.branches.get(text.charCodeAt(at))
      if (!next || !text.startsWith(next.label, at)) return
      at += next.label.length
      node = next
    }
  }
}

interface Node<T> {
  /** The text after the label of the parent node; empty only for the root. */
  readonly label: string
  readonly values: Set<T>
  /** The child nodes by the first code unit of their labels. */
  readonly branches: Map<number, Node<T>>
}

/** The length of the common prefix of the label and the text from an index on. */
function commonLength(label: string, text: string, at: number): number {
  let length = 1
  while (length < label.length && label.charCodeAt(length) === text.charCodeAt(at + length)) length++
  return length
}

/** Splits off the first part of a label as its own node. */
function split<T>(parent: Node<T>, node: Node<T>, length: number): Node<T> {
  const rest = { ...node, label: node.label.slice(length) }
  const upper: Node<T> = {
    label: node.label.slice(0, length),
    values: new Set(),
    branches: new Map([[rest.label.charCodeAt(0), rest]]),
  }
  parent.branches.set(node.label.charCodeAt(0), upper)
  return upper
}

function joinOnlyBranch<T>(parent: Node<T>, node: Node<T>): void {
  if (node.values.size > 0 || node.branches.size !== 1) return
  const [only] = node.branches.values()
  parent.branches.set(node.label.charCodeAt(0), { ...only!, label: node.label + only!.label })
}
