// Which program a container is. There is no image store: the image "weft/echo" is this project's echo server, and any other
// image stands for the node's own file system, so the container must name its command.

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Container } from 'kubernetes-types/core/v1.js'
import { DEFAULT_PATH } from '../process-runtime/shim.ts'
import { StartError } from '../start-error.ts'
import { expand } from './expand.ts'

/** The program behind an image's name, as its entry point would be; undefined for images that only have a name here. */
export type ImagePrograms = (repository: string) => readonly string[] | undefined

/** The words to run, expanded. Throws StartError with a sentence that says what to do. */
export function commandOf(container: Container, env: Readonly<Record<string, string>>, programs: ImagePrograms): readonly string[] {
  const words = (list: readonly string[] | undefined): readonly string[] => (list ?? []).map(word => expand(word, env))
  const entryPoint = (container.command ?? []).length > 0 ? words(container.command) : programs(repositoryOf(container.image ?? ''))
  if (entryPoint === undefined) {
    throw new StartError('ErrImagePull', `image "${container.image}" cannot be pulled: this node runs containers as processes on its own file system. Give container ${container.name} a command, or use the image weft/echo`, { container: container.name, image: container.image })
  }
  const command = [...entryPoint, ...words(container.args)]
  requireProgram(command[0]!, env['PATH'] ?? DEFAULT_PATH, container)
  return command
}

/** "docker.io/weft/echo:1@sha256:…" is "weft/echo". */
export function repositoryOf(image: string): string {
  const withoutDigest = image.split('@')[0]!
  const colon = withoutDigest.lastIndexOf(':')
  const repository = colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest
  return repository.replace(/^docker\.io\//, '')
}

function requireProgram(program: string, path: string, container: Container): void {
  const candidates = program.includes('/') ? [program] : path.split(delimiter).map(folder => join(folder, program))
  if (candidates.some(isExecutable)) return
  const where = program.includes('/') ? 'no such executable file on this node' : `executable file not found in ${path}`
  throw new StartError('CreateContainerError', `container ${container.name}: "${program}": ${where}; containers run on the node's own file system`, { container: container.name })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
