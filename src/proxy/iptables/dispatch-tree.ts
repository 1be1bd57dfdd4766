// A tree of chains that finds one rule among many by a fixed-length key of hexadecimal digits.
//
// The keys form a radix tree. A branching point with more than LEAF_RULES rules below it becomes a chain that its
// parent jumps to; smaller branches are written out where they are. So the shape depends on the set of keys only,
// not on the order in which they came: adding and removing gives the same chains as building from scratch.

/** How keys of one kind become chain names and matches. */
export type KeyShape = Readonly<{
  rootChain: string
  /** Name of the chain for all keys that begin with `prefix` (never empty). */
  chainName: (prefix: string) => string
  /** The match that selects exactly the packets whose key begins with `prefix`. */
  match: (prefix: string) => string
}>

/** `before` undefined: a new chain; `after` undefined: a chain that is to go. */
export type TreeChange = Readonly<{ chain: string; before: readonly string[] | undefined; after: readonly string[] | undefined }>

/** Below this many rules a chain of its own costs more than it saves. */
const LEAF_RULES = 8

/**
 * Levels of chains below the root. nf_tables follows at most 16 nested jumps (NFT_JUMP_STACK_SIZE in
 * net/netfilter/nf_tables.h, linux 6.x) and a service needs up to eight more. Deeper branches become lists.
 */
const MAX_DEPTH = 7

type Leaf = { key: string; owners: readonly Readonly<{ owner: string; rule: string }>[] }
type Branch = { prefix: string; count: number; children: Map<string, Branch | Leaf> }

const isLeaf = (node: Branch | Leaf): node is Leaf => 'key' in node
const textOf = (node: Branch | Leaf): string => (isLeaf(node) ? node.key : node.prefix)
const countOf = (node: Branch | Leaf): number => (isLeaf(node) ? 1 : node.count)

export class DispatchTree {
  readonly #shape: KeyShape
  readonly #root: Branch = { prefix: '', count: 0, children: new Map() }
  readonly #written = new Map<string, readonly string[]>()
  #touched = new Set<string>([''])
  #tail: readonly string[]

  /** `tail`: rules that close the root chain. */
  constructor(shape: KeyShape, tail: readonly string[] = []) {
    this.#shape = shape
    this.#tail = tail
  }

  setTail(tail: readonly string[]): void {
    this.#tail = tail
    this.#touched.add('')
  }

  /** Several owners may set one key; the first by name is served. */
  set(key: string, owner: string, rule: string): void {
    const { branch, child } = this.#walk(key)
    if (child !== undefined && isLeaf(child) && child.key === key) {
      const others = child.owners.filter(other => other.owner !== owner)
      const at = others.findIndex(other => owner < other.owner)
      child.owners = others.toSpliced(at === -1 ? others.length : at, 0, { owner, rule })
      return
    }
    const leaf: Leaf = { key, owners: [{ owner, rule }] }
    for (const node of this.#path(key)) node.count += 1
    if (child === undefined) {
      branch.children.set(digitAfter(branch, key), leaf)
      return
    }
    const prefix = commonPrefix(textOf(child), key)
    const split: Branch = { prefix, count: countOf(child) + 1, children: new Map() }
    split.children.set(textOf(child)[prefix.length]!, child)
    split.children.set(key[prefix.length]!, leaf)
    branch.children.set(digitAfter(branch, key), split)
    this.#touched.add(prefix)
    this.#touchBelow(child)
  }

  delete(key: string, owner: string): void {
    const { branch, child } = this.#walk(key)
    if (child === undefined || !isLeaf(child) || child.key !== key) return
    const owners = child.owners.filter(other => other.owner !== owner)
    if (owners.length === child.owners.length) return
    if (owners.length > 0) {
      child.owners = owners
      return
    }
    const path = this.#path(key)
    for (const node of path) node.count -= 1
    branch.children.delete(digitAfter(branch, key))
    const parent = path.at(-2)
    if (parent === undefined || branch.children.size !== 1) return
    const [only] = branch.children.values()
    parent.children.set(digitAfter(parent, key), only!)
    this.#touchBelow(only!)
  }

  /** The branches that `key` lies in, from the root. All of them have to be looked at again. */
  #path(key: string): readonly Branch[] {
    const path: Branch[] = [this.#root]
    for (;;) {
      const branch = path.at(-1)!
      this.#touched.add(branch.prefix)
      const child = branch.children.get(digitAfter(branch, key))
      if (child === undefined || isLeaf(child) || !key.startsWith(child.prefix)) return path
      path.push(child)
    }
  }

  #walk(key: string): { branch: Branch; child: Branch | Leaf | undefined } {
    const branch = this.#path(key).at(-1)!
    return { branch, child: branch.children.get(digitAfter(branch, key)) }
  }

  /** A branch made or removed above moves everything below by one level, which counts at the depth limit. */
  #touchBelow(node: Branch | Leaf): void {
    if (isLeaf(node) || node.count <= LEAF_RULES) return
    this.#touched.add(node.prefix)
    for (const child of node.children.values()) this.#touchBelow(child)
  }

  /** The chains that differ from what the last call told. */
  takeChanges(): readonly TreeChange[] {
    const changes: TreeChange[] = []
    for (const prefix of this.#touched) {
      const name = prefix === '' ? this.#shape.rootChain : this.#shape.chainName(prefix)
      const before = this.#written.get(name)
      const found = this.#chainAt(prefix)
      const after = found === undefined ? undefined : this.#render(found.branch, found.depth)
      if (after === undefined) {
        if (before !== undefined) changes.push({ chain: name, before, after })
        this.#written.delete(name)
      } else if (before === undefined || !sameRules(before, after)) {
        changes.push({ chain: name, before, after })
        this.#written.set(name, after)
      }
    }
    this.#touched = new Set()
    return changes
  }

  /** All chains as the last `takeChanges` left them. */
  chains(): ReadonlyMap<string, readonly string[]> {
    return this.#written
  }

  /** The branch with exactly this prefix, if it is big and shallow enough to be a chain. */
  #chainAt(prefix: string): { branch: Branch; depth: number } | undefined {
    let branch = this.#root
    let depth = 0
    while (branch.prefix.length < prefix.length) {
      const child = branch.children.get(digitAfter(branch, prefix))
      if (child === undefined || isLeaf(child) || !prefix.startsWith(child.prefix)) return undefined
      branch = child
      depth += 1
    }
    return prefix === '' || isChain(branch, depth) ? { branch, depth } : undefined
  }

  #render(branch: Branch, depth: number): readonly string[] {
    const rules: string[] = []
    for (const [, child] of [...branch.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!isLeaf(child) && isChain(child, depth + 1)) {
        rules.push(`${this.#shape.match(child.prefix)} -j ${this.#shape.chainName(child.prefix)}`)
      } else {
        writeLeaves(child, rules)
      }
    }
    if (branch === this.#root) rules.push(...this.#tail)
    return rules
  }
}

const isChain = (branch: Branch, depth: number): boolean => branch.count > LEAF_RULES && depth <= MAX_DEPTH

function writeLeaves(node: Branch | Leaf, rules: string[]): void {
  if (isLeaf(node)) rules.push(node.owners[0]!.rule)
  else for (const [, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) writeLeaves(child, rules)
}

const digitAfter = (branch: Branch, key: string): string => key[branch.prefix.length]!

function commonPrefix(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return a.slice(0, length)
}

export const sameRules = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((line, i) => line === b[i])
