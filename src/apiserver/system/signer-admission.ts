// Beside the sub-resource, whoever approves or signs a certificate request needs the verb on that signer
// (k8s.io/kubernetes/plugin/pkg/admission/certificates/{approval,signing}).

import { equalJson, type ApiObject, type Draft } from '../../api/object.ts'
import { forbiddenRequest } from '../../api/status/status.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import { MASTERS_GROUP } from '../authentication/user.ts'
import { NO_PARTS, type WriteParts } from '../objects/object-store.ts'
import type { AdmissionContext, AdmissionPlugin } from '../verbs/admission.ts'

const GROUP = 'certificates.k8s.io'

export class SignerAdmission implements AdmissionPlugin {
  readonly #authorizer: Authorizer

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer
  }

  async update(draft: Draft, old: ApiObject, { user, subresource }: AdmissionContext): Promise<WriteParts> {
    const verb = subresource === 'approval' ? 'approve' : subresource === 'status' && !equalJson(issuedIn(draft), issuedIn(old)) ? 'sign' : undefined
    if (verb === undefined || user.groups.includes(MASTERS_GROUP)) return NO_PARTS
    const signer = (old['spec'] as { signerName?: string } | undefined)?.signerName ?? ''
    const may = (name: string): boolean => this.#authorizer.authorize({ kind: 'resource', user, verb, group: GROUP, plural: 'signers', subresource: '', namespace: '', name }).allowed
    if (may(signer) || may(`${signer.slice(0, signer.indexOf('/'))}/*`)) return NO_PARTS
    throw forbiddenRequest({ group: GROUP, plural: 'certificatesigningrequests' }, old.metadata.name ?? '', `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`)
  }
}

const issuedIn = (object: ApiObject | Draft): unknown => {
  const { certificate, conditions } = (object['status'] ?? {}) as { certificate?: string; conditions?: readonly Readonly<{ type: string }>[] }
  return [certificate ?? '', (conditions ?? []).some(({ type }) => type === 'Failed')]
}
