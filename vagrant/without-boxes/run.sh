#!/bin/bash
# `vagrant up` without Vagrant: starts machines of build-box.sh under QEMU, in a network namespace of their own, runs the same
# provision.sh in each and then ../test.sh. run.sh FOLDER [WORKERS]. Plain emulation unless QEMU_ACCEL says otherwise, so
# that it runs where there is no KVM; then every step takes minutes. KEEP=1 leaves the machines running until it is ended.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
folder=$(readlink -f -- "${1:?the folder of build-box.sh}")
workers=${2:-2}
: "${WEFT_PREFIX:=192.168.56}" "${WEFT_BACKEND:=vxlan}" "${WEFT_PROXY_MODE:=iptables}" "${WEFT_RUNTIME:=kubelet}" "${QEMU_ACCEL:=tcg,thread=multi}" "${QEMU_CPU:=max}" "${WEFT_MEMORY:=1536}"
netns=weftbox-$$
work=$(mktemp -d)
token=$(tr -dc a-z0-9 </dev/urandom | head -c 6 || true).$(tr -dc a-z0-9 </dev/urandom | head -c 16 || true)
pids=()

finish() {
  code=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  ip netns delete "$netns" 2>/dev/null || true
  [ -z "${LOGS:-}" ] || { mkdir -p "$LOGS" && cp "$work"/*.log "$LOGS"/; }
  rm -rf "$work"
  exit $code
}
trap finish EXIT INT TERM

inside() { ip netns exec "$netns" "$@"; }
on() {
  local address=$1
  shift
  inside ssh -q -i "$folder/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o ServerAliveInterval=60 -o ServerAliveCountMax=20 "root@$address" "$@"
}
export -f inside on
export netns folder

names=(control-plane)
for ((i = 1; i <= workers; i++)); do names+=("worker-$i"); done
address_of() { case $1 in control-plane) echo "$WEFT_PREFIX.10" ;; *) echo "$WEFT_PREFIX.$((10 + ${1#worker-}))" ;; esac; }

ip netns add "$netns"
inside ip link set lo up
inside ip link add br0 type bridge
inside ip address add "$WEFT_PREFIX.1/24" dev br0
inside ip link set br0 up
number=0
for name in "${names[@]}"; do
  number=$((number + 1))
  inside ip tuntap add "tap$number" mode tap
  inside ip link set "tap$number" master br0 up
  # What a machine writes goes to a file of its own that ends with it.
  # The first interface is what VirtualBox gives every machine: 10.0.2.15 behind a NAT of its own.
  inside qemu-system-x86_64 -accel "$QEMU_ACCEL" -cpu "$QEMU_CPU" -smp 2 -m "$WEFT_MEMORY" -nographic \
    -kernel "$folder/vmlinuz" -initrd "$folder/initrd.img" -append "root=/dev/vda rw console=ttyS0 quiet box.name=$name box.address=$(address_of "$name")" \
    -drive "file=$folder/root.img,format=raw,if=none,id=disk,snapshot=on" -device virtio-blk-pci,drive=disk,addr=5 \
    -netdev user,id=nat -device virtio-net-pci,netdev=nat,mac=52:54:00:12:34:56,addr=3 \
    -netdev "tap,id=private,ifname=tap$number,script=no,downscript=no" -device "virtio-net-pci,netdev=private,mac=52:54:00:77:00:0$number,addr=4" \
    </dev/null >"$work/$name.console.log" 2>&1 &
  pids+=($!)
done

started=$SECONDS
for name in "${names[@]}"; do
  until on "$(address_of "$name")" true 2>/dev/null; do
    [ $((SECONDS - started)) -lt 600 ] || { echo "$name does not come up:" >&2; tail -20 "$work/$name.console.log" >&2; exit 1; }
    sleep 2
  done
  echo "$name is up after $((SECONDS - started)) s"
done

environment="WEFT_OFFLINE=1 WEFT_CONTROL_PLANE=$WEFT_PREFIX.10 WEFT_TOKEN=$token WEFT_BACKEND=$WEFT_BACKEND WEFT_PROXY_MODE=$WEFT_PROXY_MODE WEFT_RUNTIME=$WEFT_RUNTIME WEFT_PAUSE_IMAGE=weft.test/pause:1"
for name in "${names[@]}"; do
  role=worker
  [ "$name" != control-plane ] || role=control-plane
  # The checkout as it is now, as `vagrant rsync` would bring it.
  (cd "$here/../.." && git ls-files -z --cached --others --exclude-standard -- . ':!package-lock.json' | tar --null --files-from=- --ignore-failed-read -cf -) | on "$(address_of "$name")" 'tar -C /weft -xf -'
  on "$(address_of "$name")" "$environment WEFT_ROLE=$role bash /weft/vagrant/provision.sh" 2>&1 | tee "$work/$name.provision.log"
  [ "$WEFT_RUNTIME" != kubelet ] || on "$(address_of "$name")" 'for image in /var/lib/images/*.tar; do ctr -n k8s.io images import "$image" >/dev/null; done'
  echo "$name is provisioned after $((SECONDS - started)) s"
done

status=0
on "$WEFT_PREFIX.10" cat /etc/weft/kubeconfigs/admin >"$work/kubeconfig"
WEFT_SSH="$work/ssh" KUBECONFIG=$work/kubeconfig bash -c "
  cat >'$work/ssh' <<'SSH'
#!/bin/bash
case \$1 in control-plane) address=$WEFT_PREFIX.10 ;; *) address=$WEFT_PREFIX.\$((10 + \${1#worker-})) ;; esac
shift
exec ip netns exec $netns ssh -q -i $folder/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@\$address \"\$@\"
SSH
  chmod +x '$work/ssh'
  WEFT_IMAGE=weft.test/web:1 ip netns exec $netns $here/../test.sh" || status=$?
if [ $status -ne 0 ]; then
  for name in "${names[@]}"; do on "$(address_of "$name")" 'journalctl -b --no-pager -o cat -u "weft-*" -u kubelet -u containerd | tail -n 80' >"$work/$name.journal.log" 2>&1 || true; done
fi
[ -z "${KEEP:-}" ] || { echo "kept; end with Ctrl-C. ssh: ip netns exec $netns ssh -i $folder/key root@$WEFT_PREFIX.10"; wait; }
exit $status
