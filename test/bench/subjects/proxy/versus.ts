// A figure of ours with kube-proxy's beside it, if that was there.

import type { Figure } from '../../figure.ts'
import { KUBE_PROXY_NAME, kubeProxy } from './cluster.ts'

export type Program = 'weft' | 'kube-proxy'

/** Who takes part on this machine. */
export const programs = (): readonly Program[] => (kubeProxy() === undefined ? ['weft'] : ['weft', 'kube-proxy'])

export const NO_PEER = { key: 'kube-proxy', reason: 'npm run peers has not fetched kube-proxy' } as const

export const versus = (figure: Omit<Figure, 'weft'>, [weft, peer]: readonly (readonly number[])[]): Figure =>
  peer === undefined || peer.length === 0 ? { ...figure, weft: weft! } : { ...figure, weft: weft!, peerName: KUBE_PROXY_NAME, peer }
