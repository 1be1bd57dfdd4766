#!/bin/bash
# Makes this machine a host of the cluster. Runs as root inside the machine, by `vagrant up`, `vagrant provision` or
# without-boxes/run.sh; running it again is an upgrade. The checkout lies in /weft. Settings come from the environment
# (Vagrantfile); WEFT_OFFLINE=1 takes packages and images as they are on the machine.
set -euo pipefail

: "${WEFT_ROLE:?control-plane or worker}" "${WEFT_CONTROL_PLANE:?address of the control plane}" "${WEFT_TOKEN:?bootstrap token}"
: "${WEFT_BACKEND:=vxlan}" "${WEFT_PROXY_MODE:=iptables}" "${WEFT_RUNTIME:=kubelet}" "${WEFT_OFFLINE:=}"
KUBERNETES=v1.36
export DEBIAN_FRONTEND=noninteractive

say() { echo "== $(hostname): $*"; }

install_packages() {
  local missing=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ -z "$WEFT_OFFLINE" ] || { echo "missing on this machine: ${missing[*]}" >&2; exit 1; }
  say "installing ${missing[*]}"
  apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"
}

# A kubelet of the Kubernetes project's own packages, unless one lies there already.
install_kubelet() {
  command -v kubelet >/dev/null && return 0
  [ -z "$WEFT_OFFLINE" ] || { echo "there is no kubelet on this machine" >&2; exit 1; }
  say "installing kubelet $KUBERNETES"
  install_packages curl gpg
  install -d -m 755 /etc/apt/keyrings
  curl -fsSL "https://pkgs.k8s.io/core:/stable:/$KUBERNETES/deb/Release.key" | gpg --dearmor --yes -o /etc/apt/keyrings/kubernetes.gpg
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/$KUBERNETES/deb/ /" >/etc/apt/sources.list.d/kubernetes.list
  apt-get update -q && apt-get install -qy kubelet
}

# containerd with systemd's cgroups, and the network that the agent writes.
configure_containerd() {
  mkdir -p /etc/containerd
  containerd config default | sed -e 's/SystemdCgroup = false/SystemdCgroup = true/' -e 's#bin_dir = .*#bin_dir = "/opt/cni/bin"#' ${WEFT_PAUSE_IMAGE:+-e "s#\(sandbox\(_image\)\? *= *\)['\"].*['\"]#\1'$WEFT_PAUSE_IMAGE'#"} >/etc/containerd/config.toml
  systemctl enable --quiet containerd
  systemctl restart containerd
}

# The node's identity is the one that `weft install` or `weft join` made.
configure_kubelet() {
  mkdir -p /etc/kubernetes/manifests /var/lib/kubelet
  sed -n 's/.*certificate-authority-data: //p' /etc/weft/kubeconfigs/node | base64 -d >/etc/kubernetes/ca.crt
  cat >/var/lib/kubelet/config.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
staticPodPath: /etc/kubernetes/manifests
failSwapOn: false
authentication:
  x509: {clientCAFile: /etc/kubernetes/ca.crt}
  webhook: {enabled: true}
  anonymous: {enabled: false}
authorization: {mode: Webhook}
YAML
  cat >/etc/systemd/system/kubelet.service <<UNIT
[Unit]
Description=kubelet
After=containerd.service network-online.target
Wants=network-online.target
ConditionPathExists=/etc/weft/kubeconfigs/node

[Service]
ExecStart=$(command -v kubelet) --kubeconfig=/etc/weft/kubeconfigs/node --config=/var/lib/kubelet/config.yaml --hostname-override=$(hostname) --node-ip=$(node_ip)
Restart=always
RestartSec=2s

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet kubelet
  systemctl restart kubelet
}

node_ip() { sed -n 's/.*"nodeIp": "\(.*\)".*/\1/p' /var/lib/weft/settings.json; }

install_packages iptables nftables conntrack iproute2 kmod procps ca-certificates
runtime=processes
if [ "$WEFT_RUNTIME" = kubelet ]; then
  runtime=none
  install_packages containerd
  install_kubelet
  configure_containerd
fi
[ -n "$WEFT_OFFLINE" ] || install_packages npm make gcc libc6-dev g++ python3

if [ "$WEFT_ROLE" = control-plane ]; then
  say "installing the control plane"
  # No --node-ip: which interface leads to the other machines is found out.
  /weft/weft install --role control-plane --runtime $runtime --backend "$WEFT_BACKEND" --proxy-mode "$WEFT_PROXY_MODE"
  weft token list | grep -q "^${WEFT_TOKEN%%.*}\." || weft token create "$WEFT_TOKEN" --ttl 0 --description "machines of this Vagrantfile"
elif [ -f /etc/weft/kubeconfigs/node ]; then
  say "upgrading"
  /weft/weft install
else
  say "joining $WEFT_CONTROL_PLANE"
  # The token is known to this Vagrantfile's machines only, and the network between them to this computer.
  /weft/weft join "https://$WEFT_CONTROL_PLANE:6443" --token "$WEFT_TOKEN" --discovery-token-unsafe-skip-ca-verification --runtime $runtime
fi
[ "$WEFT_RUNTIME" != kubelet ] || configure_kubelet
say "done"
