// Many at once and many in a row.

import { readdirSync, readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { CniLab, WEFT_CONFIG, type CniAnswer } from './cni-lab.ts'

const pods = async (lab: CniLab, count: number): Promise<readonly LabNetns[]> => {
  const list: LabNetns[] = []
  for (let index = 0; index < count; index += 1) list.push(await lab.addPod())
  return list
}
const all = (lab: CniLab, list: readonly LabNetns[], verb: string): Promise<readonly CniAnswer[]> =>
  Promise.all(list.map((pod, index) => lab.call(verb, { id: `p${index}`, netns: pod.netns })))
const quantile = (values: readonly number[], fraction: number): number => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * fraction))]!
const served = (lab: CniLab, verb: string): readonly number[] => lab.log.filter(line => line['msg'] === 'cni request served' && line['verb'] === verb).map(line => line['durationMs'] as number)
/** Resident set of the agent in MiB (field 2 of /proc/<pid>/statm, pages of 4 KiB). */
const residentMiB = (lab: CniLab): number => Number(readFileSync(`/proc/${lab.agent!.pid}/statm`, 'utf8').split(' ')[1]) / 256
const descriptors = (lab: CniLab): number => readdirSync(`/proc/${lab.agent!.pid}/fd`).length

function allGood(t: ExecutionContext, answers: readonly CniAnswer[]): void {
  t.deepEqual(answers.filter(answer => answer.exitCode !== 0).map(answer => answer.stdout), [])
}

test.serial('200 ADDs at once all succeed with addresses of their own, STATUS is answered meanwhile, then 200 DELs (64)', async t => {
  t.timeout(120_000)
  await using lab = await CniLab.open({ lease: { subnets: ['10.88.0.0/20', 'fd88:1::/64'], mtu: 1450, clusterCidrs: [] } })
  const list = await pods(lab, 200)
  let done = false
  const began = performance.now()
  const adding = all(lab, list, 'ADD').finally(() => (done = true))
  const statuses: CniAnswer[] = []
  while (!done) statuses.push(await lab.call('STATUS', { id: '', netns: '', config: { ...WEFT_CONFIG, cniVersion: '1.1.0' }, env: { WEFT_CNI_TIMEOUT_MS: '10000' } }))
  const answers = await adding
  const total = performance.now() - began
  allGood(t, answers)
  t.is(new Set(answers.map(answer => answer.json.ips[0].address)).size, 200)
  t.is(new Set(answers.map(answer => answer.json.ips[1].address)).size, 200)
  allGood(t, statuses)
  t.log(`200 ADDs in ${Math.round(total)} ms; in the agent p50 ${quantile(served(lab, 'ADD'), 0.5)} ms, p99 ${quantile(served(lab, 'ADD'), 0.99)} ms; slowest of ${statuses.length} STATUS ${Math.round(Math.max(...statuses.map(each => each.durationMs)))} ms`)
  await lab.settled(200)
  const deleting = performance.now()
  allGood(t, await all(lab, list, 'DEL'))
  t.log(`200 DELs in ${Math.round(performance.now() - deleting)} ms`)
  await lab.settled(0)
})

test.serial('of 200 ADDs at once on a pool of 125 exactly 125 succeed and the others are 110 (66)', async t => {
  t.timeout(120_000)
  await using lab = await CniLab.open({ lease: { subnets: ['10.88.0.0/25'], mtu: 1450, clusterCidrs: [] } })
  const list = await pods(lab, 200)
  const answers = await all(lab, list, 'ADD')
  t.is(answers.filter(answer => answer.exitCode === 0).length, 125)
  t.is(answers.filter(answer => answer.json?.code === 110).length, 75)
  await lab.settled(125)
  allGood(t, await all(lab, list, 'DEL'))
  await lab.settled(0)
})

test.serial('hundreds of ADD and DEL in a row: nothing grows, the last cost what the first did (65)', async t => {
  t.timeout(170_000)
  const rounds = Number(process.env['WEFT_CNI_ROUNDS'] ?? 300)
  await using lab = await CniLab.open()
  const pod = await lab.addPod()
  const times: number[] = []
  let resident = 0
  let open = 0
  for (let round = 0; round < rounds; round += 1) {
    const answer = await lab.call('ADD', { id: `r${round}`, netns: pod.netns })
    t.is(answer.exitCode, 0, `${round}: ${answer.stdout}`)
    times.push(served(lab, 'ADD').at(-1) ?? 0)
    await lab.del({ id: `r${round}`, netns: pod.netns })
    await lab.settled(0)
    if (round === 99) [resident, open] = [residentMiB(lab), descriptors(lab)]
  }
  const [early, late] = [quantile(times.slice(20, 100), 0.5), quantile(times.slice(-80), 0.5)]
  t.log(`ADD p50 of the first hundred ${early} ms, of the last ${late} ms; resident ${Math.round(resident)} -> ${Math.round(residentMiB(lab))} MiB`)
  t.true(late < early * 1.5 + 1, `${early} -> ${late}`)
  t.true(descriptors(lab) <= open + 2, `${open} -> ${descriptors(lab)} descriptors`)
  t.true(residentMiB(lab) < resident + 40, `${resident} -> ${residentMiB(lab)} MiB`)
})
