// CustomResourceDefinitions and what they define, over the wire (scenario 77).

import test from 'ava'
import { ApiRequests } from '../../lab/api-request.ts'
import { ApiServerLab } from '../../lab/apiserver.ts'

const lab = await ApiServerLab.open()
const api = new ApiRequests(lab)
test.after.always(async () => {
  api[Symbol.dispose]()
  await lab[Symbol.asyncDispose]()
})

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object', required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 9 }, color: { type: 'string', enum: ['red', 'green'], default: 'red' },
        ports: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, value: { 'x-kubernetes-int-or-string': true } } } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { size: { type: 'integer' } } },
  },
}
const definition = (plural: string, kind: string, group = 'things.example.org') => ({
  metadata: { name: `${plural}.${group}` },
  spec: {
    group, scope: 'Namespaced', names: { plural, kind, shortNames: [plural.slice(0, 3)] },
    versions: [{
      name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema },
      subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }, { name: 'Color', type: 'string', jsonPath: '.spec.color' }],
      selectableFields: [{ jsonPath: '.spec.color' }],
    }],
  },
})

const define = async (plural: string, kind: string): Promise<string> => {
  const made = await api.post(DEFINITIONS, definition(plural, kind))
  if (made.code !== 201) throw new Error(made.text)
  const path = `/apis/things.example.org/v1/namespaces/default/${plural}`
  const deadline = Date.now() + 2_000
  while ((await api.get(path)).code !== 200) {
    if (Date.now() > deadline) throw new Error(`${plural} is not served after two seconds`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return path
}

test.serial('a definition serves its resource within two seconds, in discovery and to kubectl', async t => {
  const path = await define('widgets', 'Widget')
  const established = (await api.get(`${DEFINITIONS}/widgets.things.example.org`)).json
  t.deepEqual(established.status.conditions.map((condition: any) => [condition.type, condition.status]), [['NamesAccepted', 'True'], ['Established', 'True']])
  t.deepEqual(established.status.storedVersions, ['v1'])
  t.true((await api.get('/apis/things.example.org/v1')).json.resources.some((resource: any) => resource.name === 'widgets'))
  t.truthy((await api.get('/openapi/v3')).json.paths['apis/things.example.org/v1'])
  const made = await api.post(path, { metadata: { name: 'a' }, spec: { size: 3, unknown: 1, free: { any: ['thing'] } } })
  t.is(made.code, 201)
  t.deepEqual(made.json.spec, { size: 3, color: 'red', free: { any: ['thing'] } })
  t.is(made.json.metadata.generation, 1)
  t.regex(String(made.headers['warning']), /unknown field \\"spec\.unknown\\"/)
  t.is((await api.post(`${path}?fieldValidation=Strict`, { metadata: { name: 'b' }, spec: { size: 3, unknown: 1 } })).code, 400)
  t.deepEqual((await lab.kubectl('get', 'wid', 'a')).trim().split('\n').map(line => line.split(/\s+/)), [['NAME', 'SIZE', 'COLOR'], ['a', '3', 'red']])
})

test.serial('values are held to the schema, in upstream\'s words', async t => {
  const path = '/apis/things.example.org/v1/namespaces/default/widgets'
  const message = async (spec: object): Promise<string> => (await api.post(path, { metadata: { name: 'x' }, spec })).json.message
  t.regex(await message({}), /Widget\.things\.example\.org "x" is invalid: spec\.size: Required value/)
  t.regex(await message({ size: 'big' }), /spec\.size: Invalid value: "string": spec\.size in body must be of type integer: "string"/)
  t.regex(await message({ size: 10 }), /spec\.size: Invalid value: 10: spec\.size in body should be less than or equal to 9/)
  t.regex(await message({ size: 1, color: 'blue' }), /spec\.color: Unsupported value: "blue": supported values: "red", "green"/)
  t.is((await api.patch(`${path}/a`, 'strategic-merge', { spec: { size: 4 } })).code, 415)
})

test.serial('status and scale are apart, selectable fields select, and applying merges lists by key', async t => {
  const path = '/apis/things.example.org/v1/namespaces/default/widgets'
  const patched = await api.patch(`${path}/a`, 'merge', { spec: { size: 4 }, status: { size: 9 } })
  t.deepEqual([patched.json.spec.size, patched.json.status, patched.json.metadata.generation], [4, undefined, 2])
  const status = await api.patch(`${path}/a/status`, 'merge', { spec: { size: 5 }, status: { size: 4 } })
  t.deepEqual([status.json.spec.size, status.json.status.size, status.json.metadata.generation], [4, 4, 2])
  t.deepEqual((await api.get(`${path}/a/scale`)).json.spec, { replicas: 4 })
  t.is((await api.patch(`${path}/a/scale`, 'merge', { spec: { replicas: 6 } })).json.spec.replicas, 6)
  t.is((await api.get(`${path}?fieldSelector=spec.color%3Dred`)).json.items.length, 1)
  t.is((await api.get(`${path}?fieldSelector=spec.color%3Dgreen`)).json.items.length, 0)
  const apply = (manager: string, spec: object) => api.patch(`${path}/applied?fieldManager=${manager}`, 'apply', { apiVersion: 'things.example.org/v1', kind: 'Widget', metadata: { name: 'applied' }, spec })
  t.is((await apply('one', { size: 1, ports: [{ name: 'a', value: 1 }] })).code, 201)
  const both = await apply('two', { ports: [{ name: 'b', value: 'x' }], size: 1 })
  t.deepEqual(both.json.spec.ports, [{ name: 'a', value: 1 }, { name: 'b', value: 'x' }])
  t.is((await apply('two', { size: 2 })).code, 409)
})

test.serial('resources are served again after a restart, and go with their definition and its objects', async t => {
  const path = '/apis/things.example.org/v1/namespaces/default/widgets'
  await lab.stop('SIGKILL')
  await lab.start()
  t.is((await api.get(`${path}/a`)).code, 200)
  await api.delete(`${DEFINITIONS}/widgets.things.example.org`)
  const deadline = Date.now() + 5_000
  while ((await api.get(path)).code !== 404 || (await api.get(`${DEFINITIONS}/widgets.things.example.org`)).code !== 404) {
    if (Date.now() > deadline) return t.fail('it is still there')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const again = await define('widgets', 'Widget')
  t.deepEqual((await api.get(again)).json.items, [])
})

test.serial('definitions that make no sense are refused', async t => {
  const bad = async (change: (given: any) => void): Promise<string> => {
    const given: any = structuredClone(definition('gadgets', 'Gadget'))
    change(given)
    const answer = await api.post(DEFINITIONS, given)
    return `${answer.code} ${answer.json.message}`
  }
  t.regex(await bad(given => { given.metadata.name = 'x' }), /^422 .*metadata\.name: Invalid value: "x": must be spec\.names\.plural\+"\."\+spec\.group/)
  t.regex(await bad(given => { given.spec.versions[0].storage = false }), /must have exactly one version marked as storage version/)
  t.regex(await bad(given => { delete given.spec.versions[0].schema }), /spec\.versions\[0\]\.schema\.openAPIV3Schema: Required value/)
  t.regex(await bad(given => { given.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.size.pattern = '(' }), /^422 /)
  t.regex(await bad(given => {
    given.spec.conversion = { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'] } }
    given.spec.versions.push({ ...given.spec.versions[0], name: 'v9', storage: false })
  }), /spec\.conversion\.strategy: Unsupported value: "Webhook": supported values: "None"/)
  t.regex(await bad(given => { given.spec.scope = 'Galaxy' }), /spec\.scope: Unsupported value: "Galaxy"/)
})

test.serial('what is stored without effect is accepted with a warning that says so', async t => {
  const ruled: any = structuredClone(definition('rulers', 'Ruler'))
  ruled.spec.versions[0].schema.openAPIV3Schema['x-kubernetes-validations'] = [{ rule: 'self.spec.size < 3' }]
  const made = await api.post(`${DEFINITIONS}?dryRun=All`, ruled)
  t.is(made.code, 201, made.text)
  t.regex(String(made.headers['warning']), /x-kubernetes-validations of version \S+ are stored and not checked/)
  const hook = await api.post('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', { metadata: { name: 'hook' }, webhooks: [] })
  t.is(hook.code, 201, hook.text)
  t.regex(String(hook.headers['warning']), /a ValidatingWebhookConfiguration is stored and has no effect/)
})
