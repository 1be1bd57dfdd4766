// Opens TLS connections to one API server, with the trust and client certificate of the moment.

import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { readPem } from '../kubeconfig/credentials.ts'
import type { ClientConfig } from '../kubeconfig/config.ts'
import { CONNECT_TIMEOUT_MS, TCP_KEEPALIVE_MS } from './transport.ts'

export interface SecureConnection {
  /** Connects and completes the handshake; rejects with the socket's error, or with ETIMEDOUT. */
  connect(protocols: readonly ('h2' | 'http/1.1')[]): Promise<TLSSocket>
}

export function secureConnection(config: ClientConfig): SecureConnection {
  return {
    connect: async protocols => {
      const { trust, server } = config
      const ca = trust.ca === undefined ? undefined : await readPem(trust.ca, 'certificate-authority')
      // Credential helpers have a time limit of their own; the connection belongs to no single request.
      const { clientCertificate } = await config.credentials.present({ signal: new AbortController().signal })
      const host = server.hostname.replace(/^\[|\]$/g, '')
      return handshake(connect({
        host,
        port: Number(server.port || 443),
        ALPNProtocols: [...protocols],
        minVersion: 'TLSv1.2',
        rejectUnauthorized: !trust.insecureSkipVerify,
        ...(trust.serverName !== undefined ? { servername: trust.serverName } : isIP(host) === 0 && { servername: host }),
        ...(ca !== undefined && { ca }),
        ...(clientCertificate !== undefined && { cert: clientCertificate.cert, key: clientCertificate.key }),
      }))
    },
  }
}

function handshake(socket: TLSSocket): Promise<TLSSocket> {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.off('secureConnect', done)
      socket.off('error', settle)
      socket.off('close', closed)
      if (error === undefined) return resolve(socket)
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const done = (): void => settle()
    const closed = (): void => settle(Object.assign(new Error('closed during the TLS handshake'), { code: 'ECONNRESET' }))
    const timer = setTimeout(() => settle(Object.assign(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`), { code: 'ETIMEDOUT' })), CONNECT_TIMEOUT_MS)
    socket.on('secureConnect', done)
    socket.on('error', settle)
    socket.on('close', closed)
  })
}
