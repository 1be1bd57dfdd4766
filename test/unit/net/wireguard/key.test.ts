import test from 'ava'
import { generatePrivateKey, keyToBytes, parseWireguardKey, publicKeyOf } from '../../../../src/net/wireguard/key.ts'

test('a public key is the one that wg(8) works out', t => {
  // Printed by "wg genkey" and "wg pubkey" of wireguard-tools 1.0.20210914.
  for (const [secret, open] of [
    ['8HqnNi/VAwVcsekQFKbWxavbuIAgwmq8FEFrlAG9PUs=', '0v7kN9RU+L9dPma1ZpDPI4biSs5T5ULFOhpT6ua4VWE='],
    ['2PbaVPs1enqQmtblnbs95ZEWepQO9/RyuxEsnNTHZUE=', 'B1dk6XESFJfpD3P0Q283wBWe4U5REImbGocLl8T+F1w='],
  ] as const) t.is(publicKeyOf(parseWireguardKey(secret, 'test')), open as never)
})

test('new private keys differ, and each has a public key', t => {
  const [one, two] = [generatePrivateKey(), generatePrivateKey()]
  t.not(one, two)
  t.is(keyToBytes(publicKeyOf(one)).length, 32)
  t.not(publicKeyOf(one), publicKeyOf(two))
})

test('what is not 32 bytes in canonical base64 is refused without being shown', t => {
  const whole = Buffer.alloc(32, 9).toString('base64')
  for (const text of ['', 'x', 'c2VjcmV0', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), `${whole}\n`, whole.replace('=', '')]) {
    const error = t.throws(() => parseWireguardKey(text, 'PSK'), { message: /^PSK: is not a WireGuard key/ })
    if (text.length > 5) t.false(error.message.includes(text))
  }
})
