// Logs, exec, attach, port forwarding and the proxies: requests that are passed on to a node's kubelet, to a pod or to an
// endpoint. The kubelet here is the test's own, and says what it was asked.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, request as httpsRequest, type Server } from 'node:https'
import { writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import test from 'ava'
import { issueCertificate } from '../../../src/ops/certificates/authority.ts'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const PODS = '/api/v1/namespaces/default/pods'
let lab: ApiServerLab
let kubelet: Server
const asked: string[] = []

test.before(async () => {
  lab = await ApiServerLab.open()
  const client = await issueCertificate(lab.authority, { commonName: 'apiserver-kubelet-client', organizations: ['system:masters'], usages: ['client'] })
  writeFileSync(lab.path('kubelet.crt'), client.certificatePem)
  writeFileSync(lab.path('kubelet.key'), client.privateKeyPem)
  await lab.stop()
  await lab.start(['--kubelet-client-certificate', lab.path('kubelet.crt'), '--kubelet-client-key', lab.path('kubelet.key'), '--kubelet-certificate-authority', lab.path('ca.crt'), '--kubelet-preferred-address-types', 'InternalIP'])
  const serving = await issueCertificate(lab.authority, { commonName: 'system:node:n1', usages: ['server'], ipAddresses: ['127.0.0.1'] })
  kubelet = createServer({ cert: serving.certificatePem, key: serving.privateKeyPem, ca: lab.authority.certificatePem, requestCert: true }, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.url!.includes('/broken')) return void response.writeHead(500).end('the log is gone')
    const { CN: user } = (request.socket as TLSSocket).getPeerCertificate().subject
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`${request.method} ${request.url} as ${user}\n`)
  })
  kubelet.on('upgrade', (request, socket: Socket) => {
    asked.push(`${request.method} ${request.url}`)
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\nX-Stream-Protocol-Version: v4\r\n\r\n`)
    socket.on('data', data => socket.write(data.toString().toUpperCase()))
    socket.on('end', () => socket.end())
  })
  await once(kubelet.listen(0, '127.0.0.1'), 'listening')
  using api = new ApiRequests(lab)
  await api.post('/api/v1/nodes', { metadata: { name: 'n1' } })
  await api.patch('/api/v1/nodes/n1/status', 'merge', { status: { addresses: [{ type: 'Hostname', address: 'n1' }, { type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: (kubelet.address() as AddressInfo).port } } } })
  for (const [name, node, containers] of [['one', 'n1', ['c']], ['two', 'n1', ['a', 'b', 'broken']], ['waiting', undefined, ['c']], ['lost', 'nowhere', ['c']]] as const) {
    const made = await api.post(PODS, { metadata: { name }, spec: { ...(node === undefined ? {} : { nodeName: node }), containers: containers.map(c => ({ name: c, image: 'i' })) } })
    if (made.code !== 201) throw new Error(made.text)
  }
})
test.after.always(async () => {
  kubelet.closeAllConnections()
  kubelet.close()
  await lab[Symbol.asyncDispose]()
})

test('kubectl logs shows what the kubelet of the pod\'s node sends, asked by the server in its own name', async t => {
  t.is(await lab.kubectl('logs', 'one', '--tail=5', '--previous'), 'GET /containerLogs/default/one/c?previous=true&tailLines=5 as apiserver-kubelet-client\n')
  t.is(await lab.kubectl('logs', 'two', '-c', 'b', '-f'), 'GET /containerLogs/default/two/b?follow=true as apiserver-kubelet-client\n')
  t.is(await lab.kubectl('logs', 'waiting'), '')
})

test('what cannot be had is a Status with the reason', async t => {
  using api = new ApiRequests(lab)
  const message = async (path: string): Promise<string> => `${(await api.get(path)).code} ${(await api.get(path)).json.message}`
  t.is(await message(`${PODS}/none/log`), '404 pods "none" not found')
  t.is(await message(`${PODS}/lost/log`), '404 nodes "nowhere" not found')
  t.is(await message(`${PODS}/two/log`), '400 a container name must be specified for pod two, choose one of: [a b broken]')
  t.is(await message(`${PODS}/one/log?container=x`), '400 container x is not valid for pod one')
  t.is(await message(`${PODS}/one/log?tailLines=-1`), '422 PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0')
  t.is(await message(`${PODS}/two/log?container=broken`), '500 Internal error occurred: the kubelet answered 500: the log is gone')
  t.regex((await api.post(`${PODS}/waiting/exec?command=x`, undefined)).json.message, /pod waiting does not have a host assigned/)
})

test('a switched connection carries both directions, whoever begins', async t => {
  const exchanged = await new Promise<string>((resolve, reject) => {
    const request = httpsRequest({
      host: '127.0.0.1', port: lab.port, method: 'POST', path: `${PODS}/one/exec?command=cat&command=-n&stdin=true&stdout=true&tty=false`,
      ca: lab.authority.certificatePem, cert: lab.admin.certificatePem, key: lab.admin.privateKeyPem, headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' },
    }, response => reject(new Error(`answered ${response.statusCode}`)))
    request.on('error', reject)
    request.on('upgrade', (response, socket) => {
      socket.write('hello')
      socket.once('data', data => {
        resolve(`${response.statusCode} ${response.headers['x-stream-protocol-version']} ${String(data)}`)
        socket.destroy()
      })
    })
    request.end()
  })
  t.is(exchanged, '101 v4 HELLO')
  t.true(asked.includes('POST /exec/default/one/c?input=1&output=1&command=cat&command=-n'), asked.join('\n'))
})

test('whoever may not exec gets a 403 on the connection that he wanted to switch', async t => {
  const nobody = await issueCertificate(lab.authority, { commonName: 'nobody', usages: ['client'] })
  const code = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpsRequest({ host: '127.0.0.1', port: lab.port, path: `${PODS}/one/exec?command=id`, ca: lab.authority.certificatePem, cert: nobody.certificatePem, key: nobody.privateKeyPem, headers: { connection: 'Upgrade', upgrade: 'websocket' } }, response => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', reject).on('upgrade', () => reject(new Error('switched'))).end()
  })
  t.is(code, 403)
})

test('nodes, pods and Services are reached through their proxies', async t => {
  using api = new ApiRequests(lab)
  t.is((await api.get('/api/v1/nodes/n1/proxy/stats/summary?only=cpu')).text, 'GET /stats/summary?only=cpu as apiserver-kubelet-client\n')
  const web = createHttpServer((request, response) => response.writeHead(207).end(`${request.method} ${request.url}`))
  await once(web.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { web.closeAllConnections(); web.close() })
  const { port } = web.address() as AddressInfo
  await api.patch(`${PODS}/one/status`, 'merge', { status: { phase: 'Running', podIP: '127.0.0.1' } })
  const answer = await api.post(`${PODS}/one:${port}/proxy/a/b?c=d`, { x: 1 })
  t.is(`${answer.code} ${answer.text}`, '207 POST /a/b?c=d')
  await api.post('/api/v1/namespaces/default/services', { metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80 }] } })
  t.regex((await api.get('/api/v1/namespaces/default/services/web:http/proxy/')).json.message, /no endpoints available for service "web"/)
  t.regex((await api.get(`${PODS}/one:1/proxy/`)).json.message, /error trying to reach service: connect ECONNREFUSED/)
})
