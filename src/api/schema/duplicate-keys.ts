// Finds keys that occur twice in one JSON object, which JSON.parse silently drops.

/** Paths of keys given more than once ("spec.replicas", "spec.ports[0].name"), in order of appearance. The text must be valid JSON. */
export function duplicateKeys(text: string): readonly string[] {
  return new Scanner(text).scan()
}

class Scanner {
  readonly #text: string
  readonly #found: string[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  scan(): readonly string[] {
    this.#value('')
    return this.#found
  }

  #value(path: string): void {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{': return this.#object(path)
      case '[': return this.#array(path)
      case '"': return void this.#string()
      default: return this.#word()
    }
  }

  #object(path: string): void {
    this.#at += 1
    const seen = new Set<string>()
    for (;;) {
      this.#space()
      const character = this.#text[this.#at]
      if (character === undefined) return
      if (character !== '"') {
        this.#at += 1
        if (character === '}') return
        continue
      }
      const key = this.#string()
      const at = path === '' ? key : `${path}.${key}`
      if (seen.has(key)) this.#found.push(at)
      seen.add(key)
      this.#space()
      this.#at += 1
      this.#value(at)
    }
  }

  #array(path: string): void {
    this.#at += 1
    for (let index = 0; ; ) {
      this.#space()
      const character = this.#text[this.#at]
      if (character === undefined) return
      if (character === ']') {
        this.#at += 1
        return
      }
      if (character === ',') {
        this.#at += 1
        index += 1
        continue
      }
      this.#value(`${path}[${index}]`)
    }
  }

  /** Steps over a string; answers it unescaped. */
  #string(): string {
    const start = this.#at
    this.#at += 1
    let escaped = false
    for (; this.#at < this.#text.length; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x5c) {
        escaped = true
        this.#at += 1
      } else if (code === 0x22) {
        break
      }
    }
    this.#at += 1
    return escaped ? JSON.parse(this.#text.slice(start, this.#at)) as string : this.#text.slice(start + 1, this.#at - 1)
  }

  #word(): void {
    while (this.#at < this.#text.length && !endsWord(this.#text.charCodeAt(this.#at))) this.#at += 1
  }

  #space(): void {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 0x20) this.#at += 1
  }
}

/** Blank, comma or closing bracket: what may stand behind a number, true, false or null. */
const endsWord = (code: number): boolean => code <= 0x20 || code === 0x2c || code === 0x5d || code === 0x7d
