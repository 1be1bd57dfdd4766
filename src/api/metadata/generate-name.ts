// metadata.generateName: the base plus five characters. The random part comes from the caller.

/** Without vowels and look-alikes, so that no name spells a word (k8s.io/apimachinery util/rand). */
export const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
export const NAME_SUFFIX_LENGTH = 5
/** How often a create tries another suffix before it gives up. */
export const NAME_TRIES = 8

const MAX_BASE_LENGTH = 63 - NAME_SUFFIX_LENGTH

/** Five characters from five random bytes; the bias of the modulo (27 of 256) is harmless for names. */
export const nameSuffix = (random: Uint8Array): string =>
  Array.from(random.subarray(0, NAME_SUFFIX_LENGTH), byte => NAME_ALPHABET[byte % NAME_ALPHABET.length]).join('')

export const generateName = (base: string, suffix: string): string => `${base.slice(0, MAX_BASE_LENGTH)}${suffix}`
