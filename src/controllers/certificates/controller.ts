// Certificate requests: nodes' own are approved when their permissions say so, approved ones are signed, old ones removed.

import type { CertificateSigningRequest } from 'kubernetes-types/certificates/v1.js'
import type { SubjectAccessReview } from 'kubernetes-types/authorization/v1.js'
import { isConflict, isNotFound } from '../../client/errors.ts'
import type { Stored } from '../../client/objects.ts'
import { CERTIFICATE_SIGNING_REQUESTS, type Resource } from '../../client/resources.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import { certificateExpiry, type KeyPair } from '../../ops/certificates/authority.ts'
import { readSigningRequest, signRequest } from '../../ops/certificates/signing-request.ts'
import { InputError } from '../../ops/errors.ts'
import { allSynced, processQueue, type Controller, type ControllerContext } from '../controller.ts'
import { approvalPermissions, hasCondition, keptForMs, NODE_SERVING_SIGNER, signingProblem, validForMs, type Names } from './plan-request.ts'

type Request = Stored<CertificateSigningRequest>
type Work = (context: ControllerContext, request: Request, queue: WorkQueue) => Promise<void>

export type SigningOptions = Readonly<{ authority: KeyPair; maxDurationMs: number }>

const REVIEWS: Resource<SubjectAccessReview> = { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews', kind: 'SubjectAccessReview', namespaced: false }

export const approvingController = (): Controller => onRequests('certificatesigningrequest-approving-controller', approve)
export const signingController = (options: SigningOptions): Controller => onRequests('certificatesigningrequest-signing-controller', (context, request) => sign(context, request, options))
export const requestCleanerController = (): Controller => onRequests('certificatesigningrequest-cleaner-controller', clean)

const onRequests = (name: string, work: Work): Controller => ({
  name,
  run: async context => {
    const requests = context.informers.of(CERTIFICATE_SIGNING_REQUESTS)
    const queue = new WorkQueue(context)
    const stop = requests.onChange(change => change.type !== 'deleted' && queue.add(change.key))
    try {
      if (!(await allSynced(context, [requests]))) return
      await processQueue(context, {
        queue, concurrency: 2,
        work: async key => {
          const request = requests.cache.get(key)
          if (request === undefined || request.metadata.deletionTimestamp !== undefined) return
          try {
            await work(context, request, queue)
          } catch (error) {
            if (!isNotFound(error)) throw error
          }
        },
      })
    } finally {
      stop()
      queue.close()
    }
  },
})

async function approve({ client, log, signal }: ControllerContext, request: Request): Promise<void> {
  const { spec } = request
  const names = await namesOf(request)
  if (names === undefined) return
  for (const subresource of approvalPermissions(request, names)) {
    const review = await client.create(REVIEWS, {
      spec: {
        user: spec.username ?? '', groups: [...(spec.groups ?? [])], ...(spec.uid === undefined ? {} : { uid: spec.uid }), ...(spec.extra === undefined ? {} : { extra: spec.extra }),
        resourceAttributes: { group: CERTIFICATE_SIGNING_REQUESTS.group, resource: CERTIFICATE_SIGNING_REQUESTS.plural, verb: 'create', version: '*', subresource },
      },
    }, { signal })
    if (review.status?.allowed !== true) continue
    await writeConditions(client, request, 'approval', { type: 'Approved', reason: 'AutoApproved', message: `Auto approving: the requestor may create certificatesigningrequests/${subresource}.` }, signal)
    log.info({ request: request.metadata.name, user: spec.username, names: names.commonName }, 'approved a certificate request')
    return
  }
}

async function sign({ client, log, signal }: ControllerContext, request: Request, { authority, maxDurationMs }: SigningOptions): Promise<void> {
  const { spec, status } = request
  if (!spec.signerName.startsWith('kubernetes.io/') || spec.signerName === 'kubernetes.io/legacy-unknown') return
  if (!hasCondition(request, 'Approved') || hasCondition(request, 'Denied') || hasCondition(request, 'Failed') || (status?.certificate ?? '') !== '') return
  const names = await namesOf(request)
  const problem = names === undefined ? 'the request cannot be read' : signingProblem(request, names)
  if (problem !== undefined) {
    await writeConditions(client, request, 'status', { type: 'Failed', reason: 'SignerValidationFailure', message: problem }, signal)
    return
  }
  const certificate = await signRequest(authority, pemOf(request), { usages: [spec.signerName === NODE_SERVING_SIGNER ? 'server' : 'client'], validForMs: validForMs(request, maxDurationMs) })
  await client.update(CERTIFICATE_SIGNING_REQUESTS, { ...request, status: { ...status, certificate: Buffer.from(certificate).toString('base64') } }, { signal, subresource: 'status' })
  log.info({ request: request.metadata.name, user: spec.username, names: names?.commonName }, 'signed a certificate')
}

async function clean({ client, clock, log, signal }: ControllerContext, request: Request, queue: WorkQueue): Promise<void> {
  const remainingMs = keptForMs(request, Date.parse(request.metadata.creationTimestamp), clock.now(), endOf(request))
  if (remainingMs > 0) return queue.addAfter(request.metadata.name, remainingMs)
  try {
    await client.delete(CERTIFICATE_SIGNING_REQUESTS, request.metadata, { signal, preconditions: { uid: request.metadata.uid, resourceVersion: request.metadata.resourceVersion } })
    log.info({ request: request.metadata.name }, 'removed an old certificate request')
  } catch (error) {
    // It changed meanwhile: its change brings it back.
    if (!isConflict(error)) throw error
  }
}

const pemOf = ({ spec }: CertificateSigningRequest): string => Buffer.from(spec.request, 'base64').toString('utf8')

async function namesOf(request: CertificateSigningRequest): Promise<Names | undefined> {
  try {
    return await readSigningRequest(pemOf(request))
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}

function endOf({ status }: CertificateSigningRequest): number | undefined {
  if ((status?.certificate ?? '') === '') return undefined
  try {
    return certificateExpiry(Buffer.from(status!.certificate!, 'base64').toString('utf8'))
  } catch {
    // Another signer's certificate in a form that is not read here: it is kept as long as one without an end.
    return Infinity
  }
}

async function writeConditions(client: ControllerContext['client'], request: Request, subresource: 'approval' | 'status', condition: Readonly<{ type: string; reason: string; message: string }>, signal: AbortSignal): Promise<void> {
  const conditions = [...(request.status?.conditions ?? []), { ...condition, status: 'True' }]
  await client.update(CERTIFICATE_SIGNING_REQUESTS, { ...request, status: { ...request.status, conditions } }, { signal, subresource })
}
