// Writes the protobuf wire format: just what the OpenAPI document needs.

/** A message under construction. Fields of zero length are left out, as proto3 does. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = []
  #length = 0

  text(field: number, value: string): this {
    return value === '' ? this : this.#bytes(field, Buffer.from(value))
  }

  texts(field: number, values: readonly string[]): this {
    for (const value of values) this.#bytes(field, Buffer.from(value))
    return this
  }

  flag(field: number, value: boolean): this {
    return value ? this.#push(Uint8Array.from([...varint(field << 3), 1])) : this
  }

  /** Always written, even when empty: presence of a message has a meaning. */
  message(field: number, message: MessageWriter): this {
    return this.#bytes(field, message.finish())
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  #bytes(field: number, bytes: Uint8Array): this {
    this.#push(Uint8Array.from([...varint((field << 3) | 2), ...varint(bytes.length)]))
    return this.#push(bytes)
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return [...bytes, rest]
}
