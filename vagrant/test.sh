#!/bin/bash
# Checks a cluster of vagrant/: what README.md promises, one line each, and a table at the end. Exit code 1 when one fails.
# Needs kubectl and curl, KUBECONFIG, and a way into the machines: `vagrant ssh`, or the program that WEFT_SSH names
# (called with a machine's name and a command). WEFT_IMAGE is a web server on port 8080 that answers with its pod's name.
set -uo pipefail
cd "$(dirname -- "$0")" || exit 1
: "${WEFT_SSH:=}" "${WEFT_IMAGE:=registry.k8s.io/e2e-test-images/agnhost:2.53}" "${WEFT_WAIT:=300}"
rows=()
failed=0

into() {
  local machine=$1
  shift
  if [ -n "$WEFT_SSH" ]; then "$WEFT_SSH" "$machine" "$*"; else vagrant ssh "$machine" -c "sudo sh -c '$*'" 2>/dev/null; fi
}

# check TITLE COMMAND...: tried until it succeeds or the time is over; what it says last goes into the table.
check() {
  local title=$1 said begun=$SECONDS
  shift
  while :; do
    if said=$("$@" 2>&1); then
      rows+=("ok    $title  ($((SECONDS - begun)) s)  $(tail -n 1 <<<"$said" | cut -c1-100)")
      break
    fi
    if [ $((SECONDS - begun)) -ge "$WEFT_WAIT" ]; then
      rows+=("FAIL  $title  $(tail -n 1 <<<"$said" | cut -c1-200)")
      failed=1
      break
    fi
    sleep 2
  done
  echo "${rows[-1]}"
}

nodes() { kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'; }
node_count() { kubectl get nodes --no-headers | grep -c .; }
all_ready() { [ "$(kubectl get nodes --no-headers | grep -cw Ready)" = "$(node_count)" ] && kubectl get nodes --no-headers | awk '{print $1, $2}' | paste -sd' '; }
addresses_differ() { local all; all=$(nodes | awk '{print $2}'); [ "$(sort -u <<<"$all" | wc -l)" = "$(wc -l <<<"$all")" ] && ! grep -q '^10\.0\.2\.' <<<"$all" && paste -sd' ' <<<"$all"; }
pods_run() { local n; n=$(kubectl get pods -l app=web --field-selector status.phase=Running --no-headers | grep -c '1/1'); [ "$n" = "$(node_count)" ] && kubectl get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.name}@{.spec.nodeName}={.status.podIP} {end}'; }
pod_ips() { kubectl get pods -l app=web -o jsonpath='{range .items[*]}{.status.podIP} {end}'; }
from_machine() { into "$1" "curl -sS -m 5 http://$2/ | head -c 60"; }
every_pod_from_every_machine() { local machine ip; for machine in $(nodes | awk '{print $1}'); do for ip in $(pod_ips); do from_machine "$machine" "$ip:8080" | grep -q . || { echo "$machine does not reach $ip"; return 1; }; done; done; echo "all $(node_count) x $(node_count)"; }
cluster_ip() { kubectl get service web -o jsonpath='{.spec.clusterIP}'; }
node_port() { kubectl get service web -o jsonpath='{.spec.ports[0].nodePort}'; }
cluster_ip_everywhere() { local machine; for machine in $(nodes | awk '{print $1}'); do from_machine "$machine" "$(cluster_ip):80" | grep -q . || { echo "$machine does not reach the cluster IP"; return 1; }; done; cluster_ip; }
node_port_everywhere() { local address; for address in $(nodes | awk '{print $2}'); do curl -sS -m 5 "http://$address:$(node_port)/" | grep -q . || { echo "$address does not answer"; return 1; }; done; node_port; }
doctor() { local machine; for machine in $(nodes | awk '{print $1}'); do into "$machine" "weft doctor" || return 1; done; }
node_is() { [ "$(kubectl get node "$1" --no-headers | awk '{print $2}')" = "$2" ]; }
backend_is() { kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.annotations.flannel\.alpha\.coreos\.com/backend-type}{"\n"}{end}' | sort -u | paste -sd' ' | grep -x "$1"; }
switch_backend() { local machine; for machine in $(nodes | awk '{print $1}'); do into "$machine" "sed -i s/\\\"Type\\\":.*/\\\"Type\\\":\\ \\\"$1\\\"/ /etc/weft/net-conf.json && systemctl restart weft-agent" || return 1; done; }

kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 1
      automountServiceAccountToken: false
      containers:
        - name: web
          image: $WEFT_IMAGE
$(case $WEFT_IMAGE in *agnhost*) echo '          args: [netexec]' ;; esac)
          ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
YAML

last=$(nodes | awk '{print $1}' | grep -v control-plane | tail -n 1)
check "kubectl from the host; all nodes ready" all_ready
check "every machine found its own address behind the same NAT" addresses_differ
check "real containers on every machine" pods_run
check "every pod answers every machine" every_pod_from_every_machine
check "the cluster IP answers on every machine" cluster_ip_everywhere
check "the node port of every machine answers the host" node_port_everywhere
check "weft doctor finds nothing wrong" doctor
if [ -z "${WEFT_SHORT:-}" ]; then
  into "$last" "systemctl stop kubelet weft-node weft-agent weft-proxy" >/dev/null 2>&1
  check "a worker whose daemons stopped still forwards" node_port_everywhere
  into "$last" "systemctl start weft-agent weft-proxy weft-node kubelet" >/dev/null 2>&1
  check "the worker is ready again" node_is "$last" Ready
  switch_backend host-gw >/dev/null
  check "the backend is switched to host-gw" backend_is host-gw
  check "every pod answers every machine with host-gw" every_pod_from_every_machine
  if [ -n "$WEFT_SSH" ]; then into "$last" "systemctl reboot --force" >/dev/null 2>&1; else vagrant halt "$last" >/dev/null && vagrant up "$last" --no-provision >/dev/null; fi
  check "a worker that was restarted is ready again" node_is "$last" Ready
  check "and its pods answer" every_pod_from_every_machine
fi

printf '\n%s\n' "${rows[@]}"
exit $failed
