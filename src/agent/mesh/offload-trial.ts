// Finds out whether the tunnel device's checksum offload corrupts packets. Echoes pass, since the kernel computes their sums
// itself, while datagrams and connections vanish (flannel #1279, #2152). Proof is what helps: with the offload off they
// arrive. If they do not, something else drops them, and the setting goes back to what it was. Pure.

export type OffloadTrial = Readonly<{
  state: 'watching' | 'trying' | 'proven' | 'excused'
  /** Rounds in a row that support a change of state. */
  rounds: number
}>

export const BEGINNING: OffloadTrial = { state: 'watching', rounds: 0 }

const ROUNDS = 2

/** The trial after a round in which these far ends of working tunnels did or did not answer a datagram. */
export function afterRound(trial: OffloadTrial, answers: readonly boolean[]): OffloadTrial {
  if (answers.length === 0 || trial.state === 'proven') return trial
  const arrived = answers.includes(true)
  switch (trial.state) {
    // One answer is enough: corrupt sums would lose all.
    case 'watching': return arrived ? BEGINNING : step(trial, 'trying')
    case 'trying': return arrived ? { state: 'proven', rounds: 0 } : step(trial, 'excused')
    case 'excused': return arrived ? BEGINNING : trial
    default: return trial.state satisfies never
  }
}

const step = (trial: OffloadTrial, next: OffloadTrial['state']): OffloadTrial =>
  trial.rounds + 1 >= ROUNDS ? { state: next, rounds: 0 } : { ...trial, rounds: trial.rounds + 1 }

/** True while the device must compute no checksums. */
export const isOff = ({ state }: OffloadTrial): boolean => state === 'trying' || state === 'proven'
