import test from 'ava'
import fc from 'fast-check'
import { addRound, describeFault, faultOf, HISTORY, lossOf, pathMtuOf, type PeerPath, type ProbeAnswers } from '../../../../src/agent/mesh/peer-path.ts'
import { largestPassing } from '../../../../src/agent/mesh/path-mtu.ts'
import { afterRound, BEGINNING, isOff } from '../../../../src/agent/mesh/offload-trial.ts'
import { echoReply, echoRequest } from '../../../../src/net/icmp/echo-message.ts'

const path = (...rounds: readonly ProbeAnswers[]): PeerPath => rounds.reduce<PeerPath>(addRound, { owner: 'host-2', family: 4, wantedBytes: 1450, rounds: [] })
const good: ProbeAnswers = { host: 0.2, tunnel: 0.3, pathMtu: 1450 }
const noTunnel: ProbeAnswers = { host: 0.2, tunnel: undefined, pathMtu: undefined }
const silent: ProbeAnswers = { host: undefined, tunnel: undefined, pathMtu: undefined }

test('one lost answer is no fault, two in a row are, and say which way is broken', t => {
  t.is(faultOf(path(good, silent)), undefined)
  t.is(faultOf(path(good, silent, silent)), 'host-silent')
  t.is(faultOf(path(good, noTunnel, noTunnel)), 'tunnel-silent')
  t.is(faultOf(path(good, noTunnel, noTunnel, good)), undefined)
  t.is(faultOf(path({ host: undefined, tunnel: 0.3, pathMtu: 1450 }, { host: undefined, tunnel: 0.3, pathMtu: 1450 })), undefined)
  t.is(faultOf(path({ host: undefined, pathMtu: undefined }, { host: undefined, pathMtu: undefined })), 'host-silent')
})

test('a path that carries less than pods may send is a black hole until a full packet passes', t => {
  const narrow = path(good, { ...good, pathMtu: 1254 })
  t.is(faultOf(narrow), 'black-hole')
  t.regex(describeFault(narrow, 'black-hole'), /packets above 1254 bytes vanish on the way to host-2, though its pods may send 1450/)
  t.is(pathMtuOf(path({ ...good, pathMtu: 1254 }, silent)), 1254)
  t.is(faultOf(addRound(narrow, good)), undefined)
})

test('loss is counted over the last rounds, by way', t => {
  t.is(lossOf(path(good, noTunnel, noTunnel, good), 'tunnel'), 0.5)
  t.is(lossOf(path(good, noTunnel), 'host'), 0)
  t.is(lossOf(path({ host: 1, pathMtu: 1 }), 'tunnel'), undefined)
  t.is(path(...Array.from({ length: 3 * HISTORY }, () => good)).rounds.length, HISTORY)
})

test('halving finds the largest size that passes', async t => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 84, max: 8_999 }), async truth => {
    t.is(await largestPassing({ low: 84, high: 9_000 }, async bytes => bytes <= truth), truth)
  }))
})

test('R5: the offload is tried off after two rounds without any datagram, stays off when that helps, and comes back when it does not', t => {
  const run = (...rounds: readonly (readonly boolean[])[]) => rounds.reduce(afterRound, BEGINNING)
  t.false(isOff(run([false])))
  t.false(isOff(run([false], [true, false], [false])))
  t.true(isOff(run([false], [false, false])))
  t.is(run([false], [false], [true]).state, 'proven')
  t.true(isOff(run([false], [false], [true], [false], [false])))
  t.is(run([false], [false], [false], [false]).state, 'excused')
  t.false(isOff(run([false], [false], [false], [false], [false])))
  t.deepEqual(run([], []), BEGINNING)
})

test('an echo request is of the size asked for, sums to zero, and its answer is known by identifier and sequence', t => {
  fc.assert(fc.property(fc.constantFrom(4, 6), fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: 8, max: 1_500 }), (family, identifier, sequence, bytes) => {
    const request = echoRequest(family, { identifier, sequence }, bytes)
    t.is(request.length, bytes)
    if (family === 4) {
      let sum = 0
      for (let at = 0; at < bytes; at += 2) sum += at + 1 < bytes ? request.readUInt16BE(at) : request[at]! << 8
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
      t.is(sum, 0xffff)
    }
    t.is(echoReply(family, family === 4 ? Buffer.concat([Buffer.from([0x45, ...Array<number>(19).fill(0)]), request]) : request), undefined)
    request[0] = family === 4 ? 0 : 129
    t.deepEqual(echoReply(family, family === 4 ? Buffer.concat([Buffer.from([0x45, ...Array<number>(19).fill(0)]), request]) : request), { identifier, sequence })
  }))
  t.is(echoReply(4, Buffer.from([0x45])), undefined)
  t.is(echoReply(6, Buffer.alloc(0)), undefined)
})
