// A CNI plugin for tests of runtimes: a shell script that wires pods to the bridge cni0 and writes down every call.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Addresses are <network>.2 and on, never given twice. Every call's verb, interface and stdin are appended to `calls`.
 * A file `fail-ADD` (or DEL, CHECK) in the folder makes that verb fail with its content.
 */
const script = (folder: string, network: string): string => `#!/bin/sh
set -eu
folder=${folder}
input=$(cat)
# A runtime that was killed before it could write its request.
if [ -z "$input" ]; then exit 1; fi
printf '%s\\t%s\\t%s\\t%s\\t%s\\n' "$CNI_COMMAND" "$(basename "$0")" "$CNI_CONTAINERID" "$CNI_ARGS" "$(printf %s "$input" | tr -d '\\n\\t')" >> "$folder/calls"
if [ -e "$folder/fail-$CNI_COMMAND" ]; then cat "$folder/fail-$CNI_COMMAND"; exit 1; fi
case "$(basename "$0")" in
tuned) # a chained plugin: hands on what it was given
  if [ "$CNI_COMMAND" = ADD ]; then printf %s "$input" | sed 's/.*"prevResult":\\(.*\\)}$/\\1/'; fi
  exit 0 ;;
esac
host="v$(printf %.10s "$CNI_CONTAINERID")"
case "$CNI_COMMAND" in
ADD)
  number=2
  until mkdir "$folder/address-$number" 2> /dev/null; do number=$((number + 1)); done
  printf %s "$number" > "$folder/owner-$CNI_CONTAINERID"
  ip link add cni0 type bridge 2> /dev/null || true
  ip address replace ${network}.1/24 dev cni0
  ip link set cni0 up
  ip link add "$host" mtu 1400 master cni0 type veth peer name "$CNI_IFNAME" netns "$CNI_NETNS"
  ip link set "$host" up
  nsenter --net="$CNI_NETNS" sh -c "ip address add ${network}.$number/24 dev $CNI_IFNAME && ip link set $CNI_IFNAME up && ip route add default via ${network}.1"
  printf '{"cniVersion":"1.0.0","interfaces":[{"name":"%s"},{"name":"%s","sandbox":"%s"}],"ips":[{"address":"${network}.%s/24","gateway":"${network}.1","interface":1}]}' "$host" "$CNI_IFNAME" "$CNI_NETNS" "$number" ;;
DEL)
  ip link delete "$host" 2> /dev/null || true
  if [ -e "$folder/owner-$CNI_CONTAINERID" ]; then rm -r "$folder/address-$(cat "$folder/owner-$CNI_CONTAINERID")" "$folder/owner-$CNI_CONTAINERID"; fi ;;
CHECK)
  nsenter --net="$CNI_NETNS" ip link show "$CNI_IFNAME" > /dev/null ;;
esac
`

export type PluginCall = Readonly<{ verb: string; plugin: string; containerId: string; args: string; input: any }>

export class TestCniPlugin {
  readonly #folder: string
  readonly configFolder: string
  readonly binFolder: string

  constructor(folder: string, options: Readonly<{ network: string }>) {
    this.#folder = join(folder, 'cni-state')
    this.configFolder = join(folder, 'net.d')
    this.binFolder = join(folder, 'bin')
    for (const path of [this.#folder, this.configFolder, this.binFolder]) mkdirSync(path, { recursive: true })
    for (const name of ['wired', 'tuned']) writeFileSync(join(this.binFolder, name), script(this.#folder, options.network), { mode: 0o755 })
  }

  /** The network becomes ready. */
  configure(plugins: readonly Readonly<Record<string, unknown>>[] = [{ type: 'wired' }], name = 'test-net'): void {
    writeFileSync(join(this.configFolder, '10-test.conflist'), JSON.stringify({ cniVersion: '1.0.0', name, plugins }))
  }

  /** Makes a verb fail with this error object, or heals it. */
  fail(verb: string, error: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.#folder, `fail-${verb}`), JSON.stringify(error))
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  calls(): readonly PluginCall[] {
    let text = ''
    try {
      text = readFileSync(join(this.#folder, 'calls'), 'utf8')
    } catch {
      // Not called yet.
    }
    return text.split('\n').filter(line => line !== '').map(line => {
      const [verb, plugin, containerId, args, input] = line.split('\t') as [string, string, string, string, string]
      return { verb, plugin, containerId, args, input: JSON.parse(input) }
    })
  }
}
