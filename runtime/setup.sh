# Sourced by the launcher: what a start may have to do before the command can run.
# Uses from it: root, cache, command, say, die. Leaves: node (path of the Node.js to run) and bundle.
# POSIX sh; flock(1) comes with util-linux or busybox, of which every Linux distribution has one.

# Type stripping without a warning and the module hooks we use: Node 24.12 (package.json, "engines").
NODE_MAJOR=24
NODE_MINOR=12

# --- Node.js -------------------------------------------------------------------------------------

# Sets `node` to the one that an installation brought along (weft install), else to the machine's Node.js when it is new
# enough, else to the one fetched earlier.
find_node() {
  node=$root/runtime/bin/node
  [ ! -x "$node" ] || return 0
  machine_version=none
  if node=$(command -v node); then
    machine_version=$("$node" --version 2>/dev/null) || machine_version=broken
    if new_enough "$machine_version"; then
      headers=$(dirname -- "$(dirname -- "$(readlink -f -- "$node")")")
      return 0
    fi
  fi
  headers=$cache/node/node_modules/node-linux-$(node_arch)
  node=$headers/bin/node
  cmp -s "$root/runtime/package-lock.json" "$cache/node/ready"
}

# "v24.21.0" is; "v24.9.0", "v20.20.2" and anything unreadable are not.
new_enough() {
  major=${1#v}
  major=${major%%.*}
  minor=${1#*.}
  minor=${minor%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -gt $NODE_MAJOR ] || { [ "$major" -eq $NODE_MAJOR ] && [ "$minor" -ge $NODE_MINOR ]; }
}

node_arch() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
  esac
}

setup_node() {
  case $(node_arch) in
    x64 | arm64) ;;
    *) die "Weft needs Node.js $NODE_MAJOR.$NODE_MINOR or newer (found: $machine_version) and can fetch one for x86-64 and arm64 only, not for $(uname -m): install it and run this again." ;;
  esac
  command -v npm >/dev/null || die "Weft installs its parts with npm and finds none: install Node.js with npm (Debian: apt-get install npm) and run this again."
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/runtime/package.json")
  say "fetching Node.js $version into .cache/node (this machine's: $machine_version; needed: $NODE_MAJOR.$NODE_MINOR or newer)"
  rm -rf "$cache/node"
  mkdir -p "$cache/node"
  cp "$root/runtime/package.json" "$root/runtime/package-lock.json" "$cache/node/"
  # npm passes over an optional package that it cannot fetch, so the program itself is what counts.
  run_npm "$cache/node" ci --ignore-scripts --include=optional || exit 1
  "$node" --version >/dev/null 2>&1 || npm_failed "npm did not deliver a Node.js that runs here"
  cp "$root/runtime/package-lock.json" "$cache/node/ready"
}

# --- the locked dependencies -----------------------------------------------------------------------

# The stamp lies inside node_modules, which `npm ci` deletes before it begins: an interrupted install has none.
# A node_modules that is a link belongs to someone else, and a published package has no lock file: both stay as they are.
dependencies_ready() {
  [ ! -L "$root/node_modules" ] || return 0
  [ -f "$root/package-lock.json" ] || return 0
  wanted_install=$(sha256sum <"$root/package-lock.json")" node $("$node" --version)"
  [ -f "$root/node_modules/.weft-installed" ] && [ "$(cat "$root/node_modules/.weft-installed")" = "$wanted_install" ]
}

setup_dependencies() {
  command -v npm >/dev/null || die "Weft installs its parts with npm and finds none: install npm (Debian: apt-get install npm) and run this again."
  say "installing the locked dependencies (npm ci); this happens once"
  run_npm "$root" ci || exit 1
  printf '%s\n' "$wanted_install" >"$root/node_modules/.weft-installed"
}

# Runs the machine's npm under the Node.js that Weft will use, quietly; what it said is shown when it fails.
# Native add-ons are built against that Node's own headers, whatever the user's npmrc says.
run_npm() (
  cd "$1"
  shift
  PATH=$(dirname -- "$node"):$PATH
  if [ -f "$headers/include/node/node.h" ]; then
    npm_config_nodedir=$headers
    export npm_config_nodedir
  fi
  npm "$@" --no-audit --no-fund --loglevel=error >"$cache/npm.log" 2>&1 || npm_failed "npm $* failed"
)

npm_failed() {
  tail -n 20 "$cache/npm.log" | grep -v "^npm warn" >&2 || :
  die "$1; the lines above and $cache/npm.log say why. Mend it (network, registry, disk) and run this again: it starts where it stopped."
}

# --- the bundle --------------------------------------------------------------------------------------

bundle=$cache/bundle

bundle_possible() { [ -d "$root/node_modules/esbuild" ] && { [ -w "$cache" ] || bundle_ready; }; }

# Like make: as long as no source is younger than the program.
bundle_ready() {
  [ -f "$bundle/main.mjs" ] &&
    [ -z "$(find "$root/src" "$root/cni/plugin" "$root/runtime" "$root/package-lock.json" -newer "$bundle/main.mjs" -print -quit 2>/dev/null)" ]
}

setup_bundle() {
  say "bundling the sources into .cache/bundle"
  "$node" "$root/runtime/bundle.mjs" "$bundle" >"$cache/bundle.log" 2>&1 || {
    tail -n 20 "$cache/bundle.log" >&2
    die "the sources do not bundle; the lines above say why."
  }
}

# --- the CNI plugin ----------------------------------------------------------------------------------

shim_ready() {
  case $1 in up | test | agent | node) ;; *) return 0 ;; esac
  [ -f "$root/cni/shim/Makefile" ] || return 0
  make -C "$root/cni/shim" --question >/dev/null 2>&1
}

setup_shim() {
  command -v make >/dev/null && command -v cc >/dev/null || install_programs make cc
  say "building the CNI plugin (cni/shim)"
  make -C "$root/cni/shim" >"$cache/make.log" 2>&1 || {
    tail -n 20 "$cache/make.log" >&2
    die "the CNI plugin does not build; the lines above say why."
  }
}

# --- system programs ---------------------------------------------------------------------------------

# kubectl is for the person at the cluster; `weft up` itself does without where no package carries it.
programs_of() {
  case $1 in
    up)
      echo ip nft iptables-restore ip6tables-restore conntrack nsenter
      [ -f "$cache/without-kubectl" ] || echo kubectl
      ;;
    test) echo ip nft iptables-restore ip6tables-restore conntrack nsenter kubectl etcd curl make cc ;;
    down | status) echo ip ;;
    agent) echo iptables-restore ip6tables-restore ;;
    proxy) echo iptables-restore ip6tables-restore nft conntrack ;;
    node) echo ip nsenter ;;
  esac
}

purpose_of() {
  case $1 in
    ip) echo "makes and lists network namespaces" ;;
    nft | iptables-restore | ip6tables-restore) echo "programs the kernel's packet rules" ;;
    conntrack) echo "drops connections whose endpoint is gone" ;;
    nsenter) echo "starts programs in a network namespace" ;;
    kubectl) echo "talks to the cluster as you would" ;;
    etcd) echo "is the second store that the tests run against" ;;
    curl) echo "is the client of some tests" ;;
    make | cc) echo "builds the CNI plugin" ;;
  esac
}

# package_of MANAGER PROGRAM: the package that carries it.
package_of() {
  case $1:$2 in
    dnf:ip) echo iproute ;;
    *:ip) echo iproute2 ;;
    *:nft) echo nftables ;;
    dnf:ip*tables-restore | pacman:ip*tables-restore) echo iptables-nft ;;
    *:ip*tables-restore) echo iptables ;;
    apt-get:conntrack) echo conntrack ;;
    *:conntrack) echo conntrack-tools ;;
    *:nsenter) echo util-linux ;;
    apt-get:kubectl | dnf:kubectl | zypper:kubectl) echo kubernetes-client ;;
    *:kubectl) echo kubectl ;;
    apt-get:etcd) echo etcd-server ;;
    *:etcd) echo etcd ;;
    *:cc) echo gcc ;;
    *) echo "$2" ;;
  esac
}

programs_ready() {
  missing=
  for program in $(programs_of "$1"); do
    command -v "$program" >/dev/null || missing="$missing $program"
  done
  [ -z "$missing" ]
}

setup_programs() {
  case $command:$missing in
    up:' kubectl') (install_programs kubectl) || { say "going on without kubectl" && : >"$cache/without-kubectl"; } ;;
    up:*' kubectl') missing=${missing% kubectl} && setup_programs && programs_ready "$command" || setup_programs ;;
    # shellcheck disable=SC2086  # a list of words
    *) install_programs $missing ;;
  esac
}

install_programs() {
  manager=
  for candidate in apt-get dnf apk pacman zypper; do
    if command -v $candidate >/dev/null; then
      manager=$candidate
      break
    fi
  done
  names=$(for program in "$@"; do echo "$program ($(purpose_of "$program"))"; done | paste -sd, - | sed 's/,/, /g')
  [ -n "$manager" ] || die "missing: $names. No package manager known to Weft is here: install these programs and run this again."
  packages=$(for program in "$@"; do package_of $manager "$program"; done | sort -u | paste -sd' ' -)
  [ "$(id -u)" = 0 ] || die "missing: $names. Install them as root ($manager: $packages) and run this again."
  say "installing $packages with $manager, for: $names"
  # shellcheck disable=SC2086  # a list of words
  install_with $manager $packages >"$cache/packages.log" 2>&1 || {
    grep -v '^(Reading database' "$cache/packages.log" | tail -n 10 >&2
    die "$manager could not install $packages; the lines above and $cache/packages.log say why. Install them yourself and run this again."
  }
  for program in "$@"; do
    command -v "$program" >/dev/null || die "$manager installed $packages, yet there is no program $program in $PATH: install it yourself and run this again."
  done
}

install_with() {
  installer=$1
  shift
  case $installer in
    apt-get)
      DEBIAN_FRONTEND=noninteractive
      export DEBIAN_FRONTEND
      # The package lists of a fresh machine may be absent or older than the mirror: the second try has new ones.
      apt_install "$@" || { apt-get -q update && apt_install "$@"; }
      ;;
    dnf) dnf -y install "$@" ;;
    apk) apk add --no-progress "$@" ;;
    pacman) pacman -Sy --noconfirm --needed "$@" ;;
    zypper) zypper --non-interactive install "$@" ;;
  esac
}

apt_install() { apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }

# --- one at a time -----------------------------------------------------------------------------------

# prepare STEP: does the step, unless another start of the same checkout has done it while this one waited.
# Child processes keep the lock's descriptor, so that an npm whose parent was killed is waited for as well.
prepare() {
  mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] ||
    die "this checkout is not set up yet and $cache cannot be written: run ./weft once as the user who owns it."
  exec 9>"$cache/setup.lock"
  flock -n 9 || {
    say "another start of this checkout is setting it up; waiting for it"
    flock 9
  }
  case $1 in
    node) find_node || setup_node ;;
    bundle) bundle_ready || setup_bundle ;;
    dependencies) dependencies_ready || setup_dependencies ;;
    shim) shim_ready "$command" || setup_shim ;;
    programs) programs_ready "$command" || setup_programs ;;
  esac
  exec 9>&-
}
