// Two container images without a registry, as OCI archives for `ctr images import`: a pause container and a small web server
// that says which pod answered. make-images.ts BUSYBOX FOLDER; busybox must be static.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [busybox, folder] = process.argv.slice(2)
if (busybox === undefined || folder === undefined) throw new Error('usage: make-images.ts BUSYBOX FOLDER')
mkdirSync(folder, { recursive: true })

const WEB = '#!/bin/sh\necho "pod $HOSTNAME" > /tmp/index.html\nexec httpd -f -p 8080 -h /tmp\n'
makeImage('weft.test/pause:1', ['/bin/busybox', 'sleep', '2147483647'], {})
makeImage('weft.test/web:1', ['/web'], { '/web': WEB })

function makeImage(name: string, entrypoint: readonly string[], files: Readonly<Record<string, string>>): void {
  const work = mkdtempSync(join(tmpdir(), 'weft-image-'))
  try {
    const [rootfs, blobs] = [join(work, 'rootfs'), join(work, 'oci/blobs/sha256')]
    for (const path of [join(rootfs, 'bin'), join(rootfs, 'tmp'), blobs]) mkdirSync(path, { recursive: true })
    copyFileSync(busybox!, join(rootfs, 'bin/busybox'))
    for (const applet of ['sh', 'httpd', 'wget', 'sleep', 'cat', 'ip', 'ping', 'hostname']) symlinkSync('busybox', join(rootfs, 'bin', applet))
    for (const [path, content] of Object.entries(files)) writeFileSync(join(rootfs, path), content, { mode: 0o755 })
    const put = (bytes: Buffer): { digest: string; size: number } => {
      const hex = createHash('sha256').update(bytes).digest('hex')
      writeFileSync(join(blobs, hex), bytes)
      return { digest: `sha256:${hex}`, size: bytes.length }
    }
    const json = (value: unknown): { digest: string; size: number } => put(Buffer.from(JSON.stringify(value)))
    const layer = put(execFileSync('tar', ['-C', rootfs, '--owner=0', '--group=0', '-cf', '-', '.'], { maxBuffer: 64 << 20 }))
    const platform = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux' }
    const config = json({ ...platform, config: { Entrypoint: entrypoint, Env: ['PATH=/bin'] }, rootfs: { type: 'layers', diff_ids: [layer.digest] } })
    const manifest = json({
      schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    })
    writeFileSync(join(work, 'oci/oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    writeFileSync(join(work, 'oci/index.json'), JSON.stringify({
      schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, platform, annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': '1' } }],
    }))
    execFileSync('tar', ['-C', join(work, 'oci'), '-cf', join(folder!, `${name.replaceAll(/[/:]/g, '-')}.tar`), '.'])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
