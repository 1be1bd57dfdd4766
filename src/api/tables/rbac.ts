// `kubectl get` of role bindings.

import type { RoleBinding, Subject } from 'kubernetes-types/rbac/v1.d.ts'
import { layout } from './cells.ts'

export const ROLE_BINDING_TABLE = layout<RoleBinding>({
  own: ['Role'],
  wide: ['Users', 'Groups', 'ServiceAccounts'],
  cells: ({ roleRef }) => [`${roleRef?.kind}/${roleRef?.name}`],
  wideCells: ({ subjects = [] }) => [names(subjects, 'User'), names(subjects, 'Group'), names(subjects, 'ServiceAccount')],
})

const names = (subjects: readonly Subject[], kind: string): string =>
  subjects.filter(subject => subject.kind === kind).map(({ namespace, name }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name)).join(', ')
