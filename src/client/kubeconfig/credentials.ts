// Credentials that need no helper program: none, a fixed header, a client certificate, a token file.

import { readFile } from 'node:fs/promises'
import type { Clock } from '../../ops/clock.ts'
import { CredentialError } from '../errors.ts'
import type { Credentials, PemSource, Presented } from './config.ts'

/** Always presents the same thing. */
export const fixedCredentials = (presented: Presented): Credentials => ({
  present: async () => presented,
  invalidate: () => {},
})

/** Reads PEM text from where it is. */
export async function readPem(source: PemSource, field: string): Promise<string> {
  if ('pem' in source) return source.pem
  try {
    return await readFile(source.file, 'utf8')
  } catch (cause) {
    throw new CredentialError(`cannot read ${field} from ${source.file}: make the file readable or correct its path`, { field, file: source.file }, { cause })
  }
}

/** A client certificate in files or inline, read again for every connection. */
export const certificateCredentials = (pair: Readonly<{ cert: PemSource; key: PemSource }>): Credentials => ({
  present: async () => ({
    clientCertificate: { cert: await readPem(pair.cert, 'client-certificate'), key: await readPem(pair.key, 'client-key') },
  }),
  invalidate: () => {},
})

/** client-go re-reads a bound service-account token once a minute; the kubelet renews it at 80 % of its life. */
const TOKEN_REREAD_MS = 60_000

/** A bearer token in a file that somebody else renews. */
export function tokenFileCredentials(file: string, clock: Clock): Credentials {
  let token: string | undefined
  let readAt = 0
  return {
    present: async () => {
      if (token === undefined || clock.monotonicMs() - readAt > TOKEN_REREAD_MS) {
        token = (await readPem({ file }, 'tokenFile')).trim()
        readAt = clock.monotonicMs()
        if (token === '') {
          token = undefined
          throw new CredentialError(`${file} is empty: it must hold a bearer token`, { field: 'tokenFile', file })
        }
      }
      return { authorization: `Bearer ${token}` }
    },
    invalidate: () => {
      token = undefined
    },
  }
}

/** Presents everything that any of the parts presents. */
export const combinedCredentials = (parts: readonly Credentials[]): Credentials => ({
  present: async options => Object.assign({}, ...(await Promise.all(parts.map(part => part.present(options))))) as Presented,
  invalidate: () => parts.forEach(part => part.invalidate()),
})
