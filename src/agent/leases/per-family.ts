// One value per address family in use: the agent serves IPv4, IPv6 or both, with the same code.

import type { Family } from '../../net/ip/address.ts'

export type PerFamily<T> = Readonly<{ 4?: T; 6?: T }>

export const FAMILIES = [4, 6] as const satisfies readonly Family[]

/** The families that have a value, IPv4 first. */
export const familiesOf = (values: PerFamily<unknown>): readonly Family[] => FAMILIES.filter(family => values[family] !== undefined)

/** The values with their families, IPv4 first. */
export const entriesOf = <T>(values: PerFamily<T>): readonly (readonly [Family, T])[] =>
  familiesOf(values).map(family => [family, values[family] as T] as const)

/** Builds the record from a function that may have no value for a family. */
export function perFamily<T>(valueOf: (family: Family) => T | undefined): PerFamily<T> {
  const [v4, v6] = [valueOf(4), valueOf(6)]
  return { ...(v4 === undefined ? {} : { 4: v4 }), ...(v6 === undefined ? {} : { 6: v6 }) }
}

export const mapFamilies = <T, U>(values: PerFamily<T>, map: (value: T, family: Family) => U | undefined): PerFamily<U> =>
  perFamily(family => (values[family] === undefined ? undefined : map(values[family] as T, family)))
