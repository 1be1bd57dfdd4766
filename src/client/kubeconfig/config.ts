// What it takes to reach an API server, whatever it was read from.

/** PEM text given inline or in a file. Files are read anew for every connection: kubelets and cert-manager rotate them. */
export type PemSource = Readonly<{ pem: string }> | Readonly<{ file: string }>

/** A client certificate and its private key, PEM. */
export type KeyPair = Readonly<{ cert: string; key: string }>

export type ServerTrust = Readonly<{
  /** Certificate authorities; undefined means the system's. */
  ca: PemSource | undefined
  /** Name to check the certificate against instead of the URL's host. */
  serverName: string | undefined
  insecureSkipVerify: boolean
}>

/** What a request or a connection presents. */
export type Presented = Readonly<{
  /** Value of the Authorization header. */
  authorization?: string
  /** Impersonate-* headers (kubectl's --as). */
  headers?: Readonly<Record<string, string | readonly string[]>>
  clientCertificate?: KeyPair
}>

/** Where credentials come from. Implementations cache; `present` is called for every request. */
export interface Credentials {
  present(options: { signal: AbortSignal }): Promise<Presented>
  /** The server refused what was presented (401): fetch afresh next time. */
  invalidate(): void
}

export type ClientConfig = Readonly<{
  /** Base URL, without a trailing slash in its path. */
  server: URL
  trust: ServerTrust
  credentials: Credentials
  /** Namespace of the context, "default" when none is set. */
  namespace: string
  /** For log lines: "/etc/weft/kubeconfig (context admin)", "in-cluster". */
  origin: string
}>
