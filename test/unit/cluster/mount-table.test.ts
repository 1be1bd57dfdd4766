import test from 'ava'
import { readMounts } from '../../../src/cluster/inventory/mount-table.ts'

// Lines as proc(5) describes them: id, parent, device, root, mount point, options, optional fields, "-", type, source.
const LINES = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
101 22 0:4 net:[4026532345] /run/netns/weft.local.host-1 rw shared:9 - nsfs nsfs rw
102 22 0:4 uts:[4026532346] /var/lib/weft/clusters/local/a\\040b/uts rw - nsfs nsfs rw
`

test('network namespaces are told from other mounts by their root, in the order of mounting', t => {
  t.deepEqual(readMounts(LINES), [
    { mountPoint: '/', netnsInode: undefined },
    { mountPoint: '/run/netns/weft.local.host-1', netnsInode: 4_026_532_345 },
    { mountPoint: '/var/lib/weft/clusters/local/a b/uts', netnsInode: undefined },
  ])
})
