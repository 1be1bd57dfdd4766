// Texts that are kept for long.

/**
 * Joins parts into one piece. What a template or `+` makes of more than twelve characters is a rope of its parts in V8
 * (ConsString), which keeps all of them and 32 bytes per joint: as a key that is kept ten thousand times it matters.
 */
export const flatText = (...parts: readonly (string | number)[]): string => parts.join('')
