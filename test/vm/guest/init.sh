#!/bin/sh
# First process of the virtual machine. Its root is this machine's own root, read-only, under a layer in memory: every
# program and library is there. What Node reads file by file lies in memory, as each look through the device costs a millisecond.
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe "$module"; done

mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /machine || echo "weft-vm: cannot mount the machine's root"
mount -t tmpfs tmpfs /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/machine,upperdir=/layer/upper,workdir=/layer/work overlay /guest
# The kernel's own calls of modprobe see this root, not the one below.
mount --bind "/machine$MODULES" "/lib/modules/$(uname -r)"
# Nothing asks for this one by itself.
modprobe br_netfilter

mkdir -p /guest/proc /guest/sys /guest/dev /guest/tmp /guest/run
mount -t proc proc /guest/proc
mount -t sysfs sysfs /guest/sys
mount --move /dev /guest/dev
mkdir -p /guest/dev/pts /guest/dev/shm
mount -t devpts devpts /guest/dev/pts
mount -t tmpfs tmpfs /guest/dev/shm
mount -t tmpfs tmpfs /guest/tmp
mount -t tmpfs tmpfs /guest/run
mkdir -p /guest/run/netns /guest/lib/modules
mount -t cgroup2 cgroup2 /guest/sys/fs/cgroup
while read -r path; do mount --bind "$path" "/guest$path"; done < /weft/kept-in-memory
ip link set lo up

cp /weft/command /guest/run/weft-vm-command
chroot /guest /bin/sh -c 'exec sh /run/weft-vm-command < /dev/null'
echo "weft-vm: exit $?"
poweroff -f
