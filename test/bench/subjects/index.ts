// Every subject, in the order in which a run without names takes them.

import type { Subject } from '../subject.ts'

export const SUBJECTS: readonly Subject[] = []
