// kill -9 at moments that nobody chose: of the agent under ADDs and DELs, and of the shims that carry them. Afterwards
// everything matches exactly the pods that a runtime believes to exist.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { CniLab, SHIM, WEFT_CONFIG } from './cni-lab.ts'

/** Shims give up sooner, so that a call to an agent that is away does not wait for a minute. */
const IMPATIENT = { WEFT_CNI_TIMEOUT_MS: '300' }
const AGENT_KILLS = Number(process.env['WEFT_CNI_AGENT_KILLS'] ?? 40)
const SHIM_KILLS = Number(process.env['WEFT_CNI_SHIM_KILLS'] ?? 500)

/** Numbers from 0 to below 1; the seed is told, so that a failure can be met again. */
function randomNumbers(t: ExecutionContext): () => number {
  let state = Number(process.env['WEFT_SEED'] ?? 1) % 2 ** 31
  t.log(`seed ${state}`)
  return () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31
}

/** What a runtime knows of a pod: "unknown" after a call that failed, upon which it deletes. */
type Believed = { pod: LabNetns; id: string; state: 'absent' | 'live' | 'unknown'; address: string | undefined }

test.serial(`an agent killed ${AGENT_KILLS} times at random under ADDs and DELs: every pod that was promised one has its address alone, and nothing else is left (50)`, async t => {
  t.timeout(60_000 + AGENT_KILLS * 6000)
  const random = randomNumbers(t)
  await using lab = await CniLab.open({ agent: false })
  const pods: Believed[] = []
  for (let index = 0; index < 4; index += 1) pods.push({ pod: await lab.addPod(), id: `k${index}`, state: 'absent', address: undefined })
  const serial = { next: 0 }
  const config = { ...WEFT_CONFIG, ipMasq: true, runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] } }
  const step = async (each: Believed): Promise<void> => {
    const call = { id: each.id, netns: each.pod.netns, config, env: IMPATIENT }
    if (each.state === 'absent') {
      each.id = `k${(serial.next += 1)}`
      const answer = await lab.call('ADD', { ...call, id: each.id })
      Object.assign(each, answer.exitCode === 0 ? { state: 'live', address: answer.json.ips[0].address } : { state: 'unknown', address: undefined })
    } else {
      const answer = await lab.call('DEL', call)
      if (answer.exitCode === 0) Object.assign(each, { state: 'absent', address: undefined })
    }
  }
  let interrupted = 0
  for (let kill = 0; kill < AGENT_KILLS; kill += 1) {
    await lab.start()
    let working = true
    const work = Promise.all(pods.map(async each => {
      while (working) await step(each)
    }))
    await delay(random() * 60)
    await lab.stop('SIGKILL')
    working = false
    await work
    interrupted += pods.filter(each => each.state === 'unknown').length
    if (kill % 4 !== 3 && kill !== AGENT_KILLS - 1) continue // mostly the next life begins on whatever this one left
    await lab.start()
    for (const each of pods) while (each.state === 'unknown') await step(each)
    const live = pods.filter(each => each.state === 'live')
    await lab.settled(live.length)
    t.is(new Set(live.map(each => each.address)).size, live.length)
    for (const { id, pod, address } of live) {
      t.is(lab.records().get(`interface/${id}/eth0`)?.addresses[0].address, address!.split('/')[0])
      t.true(await pod.ping('10.88.1.1'), `kill ${kill}: ${id} at ${address}`)
    }
    await lab.stop('SIGKILL')
  }
  t.log(`${interrupted} calls were cut off`)
  t.true(interrupted > 0, 'no kill hit a call')
  await lab.start()
  for (const each of pods) while (each.state !== 'absent') await step(each)
  await lab.settled(0)
  const rules = (await lab.host.exec(['/usr/sbin/nft', 'list', 'tables'])).stdout
  t.false(rules.includes('weft-cni'), rules)
})

test.serial(`${SHIM_KILLS} shims killed at random moments leave no more than a DEL can clean (51)`, async t => {
  t.timeout(60_000 + SHIM_KILLS * 200)
  const random = randomNumbers(t)
  await using lab = await CniLab.open()
  const pods = await Promise.all([0, 1, 2, 3].map(() => lab.addPod()))
  await Promise.all(pods.map(async (pod, index) => {
    for (let round = 0; round < SHIM_KILLS / pods.length; round += 1) {
      const child = spawn('nsenter', [`--net=${lab.host.netns}`, '--', SHIM], {
        env: { ...process.env, CNI_COMMAND: round % 3 === 2 ? 'DEL' : 'ADD', CNI_CONTAINERID: `k${index}`, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0', WEFT_CNI_SOCKET: lab.socketPath, WEFT_CNI_QUEUE: join(lab.folder, 'queue') },
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      child.stdin.on('error', () => {})
      child.stdin.end(JSON.stringify(WEFT_CONFIG))
      const ended = once(child, 'exit')
      await delay(random() * 12)
      child.kill('SIGKILL')
      await ended
    }
  }))
  for (const [index, pod] of pods.entries()) await lab.del({ id: `k${index}`, netns: pod.netns })
  await lab.settled(0)
  for (const [index, pod] of pods.entries()) await lab.add({ id: `k${index}`, netns: pod.netns })
  await lab.settled(4)
  t.is(new Set([...lab.records().values()].map(record => record.addresses[0].address)).size, 4)
})
