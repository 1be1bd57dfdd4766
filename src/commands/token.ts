// `weft token`: bootstrap tokens with which machines join. Subcommands and flags are kubeadm token's.

import { Command, Option } from 'commander'
import { formatBootstrapToken, parseBootstrapToken } from '../api/bootstrap-token/bootstrap-token.ts'
import { openApiClient, type ApiClient } from '../client/api-client.ts'
import type { PemSource } from '../client/kubeconfig/config.ts'
import { readPem } from '../client/kubeconfig/credentials.ts'
import { loadKubeconfig } from '../client/kubeconfig/load.ts'
import { ADMIN_KUBECONFIG } from '../host/host-paths.ts'
import { createToken, deleteToken, formatTokens, joiningToken, listTokens, newBootstrapToken } from '../host/join/tokens.ts'
import { publicKeyPin } from '../ops/certificates/authority.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError } from '../ops/errors.ts'
import { silentLog } from '../ops/log.ts'
import { goDuration } from './go-values.ts'

type Flags = Readonly<{ kubeconfig: string }>
type CreateFlags = Flags & Readonly<{ ttl?: number; description: string; printJoinCommand: boolean }>

/** kubeadm's. */
const TTL_MS = 24 * 3_600_000

export const command = (): Command =>
  new Command()
    .addCommand(withKubeconfig(new Command('create').description('make a token')
      .argument('[token]', 'of the form abcdef.0123456789abcdef (default: a new one)')
      .option('--ttl <duration>', 'how long it is good; 0: for ever (default: 24h0m0s)', goDuration('--ttl'))
      .option('--description <text>', 'what it is for', '')
      .option('--print-join-command', 'print what a worker has to run', false)
      .action((text: string | undefined, flags: CreateFlags) => withClient(flags, async (client, signal) => {
        const token = text === undefined ? newBootstrapToken() : parseBootstrapToken(text, 'token')
        await createToken(client, joiningToken(token, flags.ttl === 0 ? undefined : systemClock.now() + (flags.ttl ?? TTL_MS), flags.description), { signal })
        const shown = formatBootstrapToken(token)
        return flags.printJoinCommand ? `weft join ${client.config.server.host} --token ${shown} --discovery-token-ca-cert-hash ${publicKeyPin(await authorityOf(client))}\n` : `${shown}\n`
      }))))
    .addCommand(withKubeconfig(new Command('list').description('show all tokens')
      .action((flags: Flags) => withClient(flags, async (client, signal) => formatTokens(await listTokens(client, { signal }), systemClock.now())))))
    .addCommand(withKubeconfig(new Command('delete').description('remove a token: machines that have joined with it stay')
      .argument('<token>', 'a token, or its first six characters')
      .action((text: string, flags: Flags) => withClient(flags, async (client, signal) => {
        const id = /^[a-z0-9]{6}$/.test(text) ? text : parseBootstrapToken(text, 'token').id
        await deleteToken(client, id, { signal })
        return `bootstrap token "${id}" deleted\n`
      }))))
    .addCommand(withKubeconfig(new Command('ca-cert-hash').description('show the hash of the cluster\'s authority, for --discovery-token-ca-cert-hash')
      .action((flags: Flags) => withClient(flags, async client => `${publicKeyPin(await authorityOf(client))}\n`))))

const withKubeconfig = (command: Command): Command => command.addOption(new Option('--kubeconfig <file>', 'how to reach the API server, as an administrator').default(process.env['KUBECONFIG'] ?? ADMIN_KUBECONFIG, `$KUBECONFIG, else ${ADMIN_KUBECONFIG}`))

async function withClient(flags: Flags, work: (client: ApiClient, signal: AbortSignal) => Promise<string>): Promise<void> {
  await using client = openApiClient({ config: await loadKubeconfig({ path: flags.kubeconfig }), userAgent: 'weft-token', log: silentLog() })
  process.stdout.write(await work(client, new AbortController().signal))
}

function authorityOf({ config }: ApiClient): Promise<string> {
  const source: PemSource | undefined = config.trust.ca
  if (source === undefined) throw new InputError('certificate-authority', '', `is missing in ${config.origin}, so there is no hash to print`)
  return readPem(source, 'certificate-authority')
}
