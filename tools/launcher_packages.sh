#!/bin/sh
# tools/launcher_packages.sh: the batch systems, MPI and sshd that tests/launchers starts, as Debian packages. Nothing is
# started by installing them. A second run finds everything in place and says nothing.
set -eu
cd "$(dirname "$0")/.."

PACKAGES="slurm-wlm slurm-client libslurm-perl libslurmdb-perl libswitch-perl munge
  gridengine-master gridengine-exec gridengine-client msmtp-mta
  openmpi-bin mpich python3-mpi4py openssh-server iproute2"

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $PACKAGES 2> /dev/null | sed -n 's/^installed //p')
missing=""
for package in $PACKAGES; do
  echo "$installed" | grep -qxF -- "$package" || missing="$missing $package"
done
# PBS's commands for Slurm conflict with Grid Engine's: tests unpack them where they need them.
torque() {
  mkdir -p build/launcher-packages
  cd build/launcher-packages
  if ! ls slurm-wlm-torque_*.deb > /dev/null 2>&1; then
    echo "launchers: fetching slurm-wlm-torque"
    apt-get download -qq -o APT::Sandbox::User=root slurm-wlm-torque || (apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root slurm-wlm-torque)
  fi
}
if [ -z "$missing" ]; then
  torque
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "launchers: these tests start daemons and private networks: run them as root, with$missing" >&2
  exit 1
fi
echo "launchers: installing$missing"
# Package scripts ask this file whether they may start their daemons.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' > $policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing > /dev/null
torque
