// What the lab's echo servers say, and how clients read it: "name client-address client-port", then the client's own words.

export type Reply = Readonly<{ server: string; clientAddress: string; clientPort: number; text: string }>

/** A dual-stack socket shows IPv4 clients as mapped addresses; the prefix is of no interest here. */
export const formatReply = (server: string, client: Readonly<{ address: string | undefined; port: number | undefined }>, text = ''): string =>
  `${server} ${(client.address ?? '?').replace(/^::ffff:(?=\d+\.)/, '')} ${client.port ?? 0} ${text}`

export function parseReply(line: string): Reply {
  const [server, clientAddress, clientPort, ...rest] = line.trimEnd().split(' ')
  if (server === undefined || clientAddress === undefined || clientPort === undefined) throw new Error(`no echo server speaks like this: ${JSON.stringify(line)}`)
  return { server, clientAddress, clientPort: Number(clientPort), text: rest.join(' ') }
}
