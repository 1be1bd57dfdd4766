#!/bin/bash
# Builds a Debian 13 machine from packages, where no box can be downloaded: build-box.sh FOLDER. What it leaves there:
#   root.img, vmlinuz, initrd.img   the machine, with this checkout in /weft and everything that provision.sh needs offline
#   key                             to log in as root
# Needs debootstrap, mke2fs and root. KUBELET names a kubelet to put into the machine; BUSYBOX a static busybox.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
checkout=$(readlink -f -- "$here/../..")
folder=$(readlink -m -- "${1:?a folder for the machine}")
root=$folder/root
node=$(command -v node)
: "${SUITE:=trixie}" "${MIRROR:=}"
mkdir -p "$folder"

if [ ! -d "$root/etc" ]; then
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,udev,iproute2,iputils-ping,iptables,nftables,conntrack,kmod,procps,curl,ca-certificates,util-linux,linux-image-amd64,initramfs-tools,zstd,openssh-server,containerd,runc,kubernetes-client \
    "$SUITE" "$root.part" ${MIRROR:+"$MIRROR"}
  mv "$root.part" "$root"
fi

# The checkout as git has it, with what the launcher would otherwise fetch and build.
make -s -C "$checkout/cni/shim"
rm -rf "$root/weft"
mkdir -p "$root/weft"
(cd "$checkout" && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - 2>/dev/null) | tar -C "$root/weft" -xf -
cp -aL "$checkout/node_modules" "$root/weft/node_modules"
rm -f "$root/weft/package-lock.json"
cp -a "$checkout/cni/shim/build" "$root/weft/cni/shim/build"
install -D -m 755 "$(readlink -f "$node")" "$root/usr/local/bin/node"
[ -z "${KUBELET:-}" ] || install -m 755 "$KUBELET" "$root/usr/local/bin/kubelet"
[ -z "${BUSYBOX:-}" ] || "$node" "$here/make-images.ts" "$BUSYBOX" "$root/var/lib/images"

echo box >"$root/etc/hostname"
: >"$root/etc/machine-id"
rm -f "$root/etc/ssh/ssh_host_"*
[ -f "$folder/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
install -D -m 600 "$folder/key.pub" "$root/root/.ssh/authorized_keys"
# Name and address come from the kernel's command line; the first interface is NAT, the second leads to the other machines.
cat >"$root/usr/local/sbin/box-setup" <<'SETUP'
#!/bin/sh
for word in $(cat /proc/cmdline); do case $word in box.name=*) name=${word#*=} ;; box.address=*) address=${word#*=} ;; esac; done
echo "$name" >/etc/hostname
hostname "$name"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts
mkdir -p /run/systemd/network
printf '[Match]\nName=ens3 enp0s3\n[Network]\nDHCP=ipv4\n' >/run/systemd/network/10-nat.network
printf '[Match]\nName=ens4 enp0s4\n[Network]\nAddress=%s/24\n' "$address" >/run/systemd/network/20-private.network
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
SETUP
chmod 755 "$root/usr/local/sbin/box-setup"
cat >"$root/etc/systemd/system/box-setup.service" <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=systemd-networkd.service ssh.service network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/box-setup
[Install]
WantedBy=sysinit.target
UNIT
systemctl --root="$root" --quiet enable box-setup systemd-networkd ssh
systemctl --root="$root" --quiet disable systemd-networkd-wait-online containerd 2>/dev/null || true
systemctl --root="$root" --quiet mask systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap fstrim.timer systemd-pcrlock-make-policy 2>/dev/null || true
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"

cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd.img"
rm -f "$folder/root.img"
truncate -s 4G "$folder/root.img"
mke2fs -q -t ext4 -d "$root" "$folder/root.img"
echo "$folder/root.img"
